# The bot and the worker: `docker run … bot`, `docker run … worker`.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts scripts
COPY src src
COPY sandbox sandbox
COPY bench bench
RUN npm run build

FROM node:24-bookworm-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
# The root of googleapis loads 400 APIs; two are imported, by their own paths.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund \
 && find node_modules/googleapis/build/src/apis -mindepth 1 -maxdepth 1 -type d ! -name sqladmin ! -name datamigration -exec rm -r {} +

FROM node:24-bookworm-slim
WORKDIR /app
ENV NODE_ENV=production SERVICES_DIR=/app/services
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/dist/src dist/src
COPY package.json LICENSE ./
COPY services services
USER node
ENTRYPOINT ["node", "--enable-source-maps", "dist/src/main.js"]
CMD ["bot", "worker"]
