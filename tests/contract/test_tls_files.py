"""Certificates from files, before real handshakes: taken up when they change, never half."""

import asyncio
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import pytest

from proxy.adapters.tls_files import TlsError, TlsFiles
from tests.servers.certificates import certificate


@pytest.fixture
def pair(tmp_path):
    return issue(tmp_path / "cert.pem", tmp_path / "key.pem")


def issue(pem, key):
    """A new certificate and key in these files."""
    with tempfile.TemporaryDirectory() as folder:
        made = certificate(Path(folder))
        shutil.copyfile(made.pem, pem)
        shutil.copyfile(made.key, key)
    return pem, key


def encrypt(key):
    out = key.with_name("encrypted.pem")
    command = ["openssl", "pkcs8", "-topk8", "-in", str(key), "-out", str(out), "-passout", "pass:secret"]
    subprocess.run(command, check=True, capture_output=True)
    out.replace(key)


async def presented(files):
    """The certificate that a client gets, in DER."""

    async def nothing(_reader, writer):
        writer.close()

    server = await asyncio.start_server(nothing, "127.0.0.1", 0, ssl=files.context)
    async with server:
        trusting = ssl._create_unverified_context()
        port = server.sockets[0].getsockname()[1]
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
        der = writer.get_extra_info("ssl_object").getpeercert(True)
        writer.close()
    return der


def der(path):
    return ssl.PEM_cert_to_DER_cert(path.read_text())


async def test_a_renewed_pair_is_presented_to_new_connections(pair):
    files = TlsFiles(*pair)
    assert await presented(files) == der(pair[0])
    assert not files.look()
    issue(*pair)
    assert files.look()
    assert await presented(files) == der(pair[0])


async def test_a_pair_that_does_not_match_yet_leaves_the_last_one_in_force(pair, tmp_path):
    files = TlsFiles(*pair)
    before = der(pair[0])
    issue(tmp_path / "new.pem", tmp_path / "new-key.pem")
    pair[0].write_bytes((tmp_path / "new.pem").read_bytes())
    assert not files.look()
    assert await presented(files) == before
    pair[1].write_bytes((tmp_path / "new-key.pem").read_bytes())
    assert files.look()
    assert await presented(files) == der(pair[0]) != before


async def test_a_pair_that_goes_away_leaves_the_last_one_in_force(pair):
    files = TlsFiles(*pair)
    before = der(pair[0])
    pair[1].unlink()
    assert not files.look()
    assert await presented(files) == before


async def test_watching_takes_a_change_up(pair):
    files = TlsFiles(*pair)
    watching = asyncio.create_task(files.watch(look_s=0.01))
    issue(*pair)
    async with asyncio.timeout(60):
        while await presented(files) != der(pair[0]):
            await asyncio.sleep(0.01)
    watching.cancel()


async def test_key_and_certificate_may_stand_in_one_file(pair, tmp_path):
    both = tmp_path / "both.pem"
    both.write_bytes(pair[0].read_bytes() + pair[1].read_bytes())
    assert await presented(TlsFiles(both, None)) == der(pair[0])


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda cert, key: cert.unlink(), "No such file"),
        (lambda cert, key: cert.write_text("not a certificate"), "cert.pem with the key in"),
        (lambda cert, key: key.write_text(""), "key.pem"),
        (lambda cert, key: issue(cert.with_name("other.pem"), key), "the key belongs to another certificate"),
        (lambda cert, key: encrypt(key), "encrypted with a pass phrase"),
    ],
)
def test_what_can_not_be_used_is_said_with_the_file(pair, spoil, said):
    spoil(*pair)
    with pytest.raises(TlsError, match=said):
        TlsFiles(*pair)


async def test_no_handshake_fails_while_pairs_are_taken_up(pair, tmp_path):
    pairs = [issue(tmp_path / f"{number}.pem", tmp_path / f"{number}-key.pem") for number in range(2)]
    files = TlsFiles(*pair)
    over = False

    def renew():
        taken = 0
        while not over:
            for new in pairs:
                for fresh, place in zip(new, pair, strict=True):
                    shutil.copyfile(fresh, place)
                taken += files.look()
        return taken

    renewing = asyncio.create_task(asyncio.to_thread(renew))
    known = [der(new[0]) for new in pairs]
    try:
        seen = [await presented(files) for _ in range(300)]
    finally:
        over = True
        taken = await renewing
    assert taken > 10
    assert set(seen) >= set(known)
