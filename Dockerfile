# outlay in one image: `docker build -t outlay . && docker run -p 4141:4141 -p 4142:4142 -v outlay:/srv outlay`
# The first start writes starter policies to /srv/policies and the admin key to /srv/data/admin-key (0600), never to the log:
# `docker exec CONTAINER cat data/admin-key` shows it. A folder of the host mounted at /srv must belong to user 10001.
FROM python:3.12-slim AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md ./
RUN python -m venv /opt/outlay && /opt/outlay/bin/pip install --no-cache-dir --require-hashes -r constraints.txt
COPY proxy proxy
# litellm is read as data and never imported: its bytecode would only take room.
RUN /opt/outlay/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/outlay/bin/pip uninstall -y setuptools pip \
 && find /opt/outlay/lib/python3.12/site-packages/litellm -name __pycache__ -prune -exec rm -rf {} +

FROM python:3.12-slim
# Mirrors of repositories are read with git, over https or ssh.
RUN apt-get update && apt-get install -y --no-install-recommends git openssh-client && rm -rf /var/lib/apt/lists/*
# /srv is there already and root's; a new named volume takes over owner and mode of what it covers.
RUN useradd --no-create-home --home-dir /srv --uid 10001 --user-group outlay && install -d -o outlay -g outlay -m 0700 /srv
COPY --from=build /opt/outlay /opt/outlay
ENV PATH=/opt/outlay/bin:$PATH OUTLAY_HOST=0.0.0.0 OUTLAY_POLICIES=/srv/policies OUTLAY_DATA=/srv/data
USER outlay
WORKDIR /srv
VOLUME /srv
EXPOSE 4141 4142
STOPSIGNAL SIGTERM
# Ports are moved with OUTLAY_PORT and OUTLAY_LEDGER_PORT, which this knows; not with options of the command, which it can't.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", "import os, urllib.request as r; [r.build_opener(r.ProxyHandler({})).open(f'http://127.0.0.1:{os.environ.get(name) or port}{path}', timeout=1) for name, port, path in (('OUTLAY_PORT', 4141, '/readyz'), ('OUTLAY_LEDGER_PORT', 4142, '/healthz'))]"]
ENTRYPOINT ["outlay"]
CMD ["serve"]
