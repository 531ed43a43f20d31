# outlay in one image: `docker build -t outlay . && docker run -p 4141:4141 -p 4142:4142 -v outlay:/srv outlay`
# The first start writes starter policies to /srv/policies and the admin key to /srv/data/admin-key (0600), never to the log.
FROM python:3.12-slim AS build
WORKDIR /src
COPY constraints.txt pyproject.toml README.md ./
RUN python -m venv /opt/outlay && /opt/outlay/bin/pip install --no-cache-dir --require-hashes -r constraints.txt
COPY proxy proxy
RUN /opt/outlay/bin/pip install --no-cache-dir --no-deps --no-build-isolation . \
 && /opt/outlay/bin/pip uninstall -y pip setuptools \
 && find /opt/outlay -name __pycache__ -prune -exec rm -rf {} + \
 && /opt/outlay/bin/python -m compileall -q /opt/outlay/lib/python3.12/site-packages/proxy

FROM python:3.12-slim
RUN useradd --create-home --home-dir /srv --uid 10001 outlay
COPY --from=build /opt/outlay /opt/outlay
ENV PATH=/opt/outlay/bin:$PATH OUTLAY_HOST=0.0.0.0 OUTLAY_POLICIES=/srv/policies OUTLAY_DATA=/srv/data
USER outlay
WORKDIR /srv
VOLUME /srv
EXPOSE 4141 4142
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4141/readyz', timeout=2); r.urlopen('http://127.0.0.1:4142/healthz', timeout=2)"]
ENTRYPOINT ["outlay"]
CMD ["serve"]
