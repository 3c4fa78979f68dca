# Two images from one file: docker build --target vault … and --target updater.
# What is installed, and how, is in tools/image/install.sh, which CI runs without Docker, too
# (tests/kit/image). Both stages begin with one Python, at one path: a virtual environment made in
# the first works in the last. The index digest below is that of docker-library/repo-info's commit
# 40cdaf34 for this tag: Python 3.11.16 on Debian bookworm of 2026-09-18, with libpython3.11.so.
FROM python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS build

WORKDIR /src
COPY tools/image/install.sh tools/image/install.sh
COPY requirements/build.txt requirements/server.txt requirements/
RUN ["bash", "tools/image/install.sh", "libraries", "/opt/cardvault"]
COPY pyproject.toml README.md LICENSE ./
COPY client client
COPY cards cards
COPY chassis chassis
COPY updater updater
COPY vault vault
RUN ["bash", "tools/image/install.sh", "services", "/opt/cardvault"]


FROM python:3.11.16-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b AS runtime

ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.base.name=docker.io/library/python:3.11.16-slim-bookworm \
      org.opencontainers.image.base.digest=sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# Nothing is installed at run time. The user has a name, because libraries ask for it, and a number
# in USER, because Kubernetes' runAsNonRoot needs to see that it isn't 0.
RUN python -m pip uninstall --yes --quiet --root-user-action=ignore pip setuptools wheel \
 && groupadd --gid 65532 cardvault \
 && useradd --uid 65532 --gid 65532 --no-create-home --home-dir /var/lib/cardvault \
      --shell /usr/sbin/nologin cardvault \
 && install -d -m 0755 -o 65532 -g 65532 /var/lib/cardvault
COPY --from=build /opt/cardvault /opt/cardvault

# No .pyc is written at run time: install.sh has compiled everything, and the root file system may
# be read-only. Only /var/lib/cardvault (the embedded default's data) and /tmp need to be writable.
ENV PATH=/opt/cardvault/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /var/lib/cardvault
USER 65532:65532
STOPSIGNAL SIGTERM


FROM runtime AS vault

LABEL org.opencontainers.image.title="Cardvault vault" \
      org.opencontainers.image.description="A card vault: tokens for card numbers over gRPC"
EXPOSE 50051 50061 9451
ENTRYPOINT ["/opt/cardvault/bin/cardvault"]
CMD ["serve"]


FROM runtime AS updater

LABEL org.opencontainers.image.title="Cardvault updater" \
      org.opencontainers.image.description="Keeps a vault's cards current through account updaters"
EXPOSE 50052 50062 9452
ENTRYPOINT ["/opt/cardvault/bin/cardvault-updater"]
CMD ["serve"]
