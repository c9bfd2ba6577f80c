# One image for every node, and for everything else that `posturelab` does: docker run posturelab run scenarios/…
# PYTHON_TAG chooses the Python; what is installed is what constraints.txt pins.
ARG PYTHON_TAG=3.14-slim

FROM python:${PYTHON_TAG} AS build
ENV PIP_CONSTRAINT=/src/constraints.txt PIP_BUILD_CONSTRAINT=/src/constraints.txt
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
RUN python -m venv --without-pip /opt/posturelab
# What others wrote comes first and in a layer of its own, because it changes seldom.
COPY constraints.txt pyproject.toml ./
RUN python -c 'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["dependencies"], sep="\n")' \
      > requirements.txt \
 && python -m pip --python /opt/posturelab/bin/python install --no-compile -r requirements.txt
COPY . .
# Bytecode that is never compared with its source is the same in every build, and a read-only image can make none itself.
RUN python -m pip --python /opt/posturelab/bin/python install --no-compile --no-deps . \
 && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/posturelab/lib

FROM python:${PYTHON_TAG}
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Posture Lab" \
      org.opencontainers.image.description="An open emulator of a whole network-posture deployment" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /opt/posturelab /opt/posturelab
ENV PATH=/opt/posturelab/bin:$PATH PYTHONUNBUFFERED=1 XDG_STATE_HOME=/var/lib
# A volume takes its owner from here. The import compiles what nodes use of Python's own library: public images of Python
# ship it without bytecode, and then every start would compile it anew.
RUN install -d -o 1000 -g 1000 /var/lib/posturelab && python -c 'import ldd.rabbit, posturelab.commands.one_node'
USER 1000:1000
WORKDIR /var/lib/posturelab
ENTRYPOINT ["posturelab"]
