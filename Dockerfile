# One image with all runtimes. Handlers are mounted or copied to /app/handlers.
FROM rust:1-bookworm AS rust
WORKDIR /app
COPY Cargo.toml Cargo.lock ./
COPY runtimes/rust runtimes/rust
COPY native/include native/include
COPY test/fixtures/handlers/rust test/fixtures/handlers/rust
COPY handlers handlers
RUN for manifest in handlers/*/Cargo.toml; do cargo build --release --manifest-path "$manifest"; done

FROM node:20-bookworm AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm install --no-save --no-fund --no-audit
COPY . .
# After the addon, since node-gyp empties build/ first.
RUN npm run build && npm run build:native \
  && cc -O2 -Wall -Wextra -Werror -shared -fPIC -fvisibility=hidden -pthread native/pinger.c -o build/pinger.so \
  && npm prune --omit=dev

FROM node:20-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ruby ruby-msgpack python3 python3-msgpack tini \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=build /app /app
COPY --from=rust /app/target/release/*.so /app/target/release/
USER node
EXPOSE 8080 8081
# tini reaps what handlers leave behind.
ENTRYPOINT ["tini", "--", "/app/bin/stephost"]
CMD ["worker"]
