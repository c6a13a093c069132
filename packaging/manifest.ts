// package.json of the published package: the server is one bundle, so only its runtime is left to install.
import packageJson from "../package.json" with { type: "json" };

/** Where tsc leaves a source file of the client, without its ending. */
function compiled(source: string): string {
  return source.replace(/^\.\//, "./lib/").replace(/\.ts$/, "");
}

/** Packages that only the gRPC client needs; the version is the one that this project tests with. */
const ofGrpc = ["@bufbuild/protobuf", "@grpc/grpc-js"] as const;

/** The manifest; `bun` is the version of the runtime. */
export function manifest(bun: string) {
  const { name, version, description, license, exports, dependencies } = packageJson;
  return {
    name,
    version,
    description,
    license,
    type: "module",
    bin: { realmgate: "bin/realmgate.js" },
    engines: { node: ">=20" },
    exports: Object.fromEntries(
      Object.entries(exports).map(([path, source]) => [
        path,
        { types: `${compiled(source)}.d.ts`, default: `${compiled(source)}.js` },
      ]),
    ),
    sideEffects: false,
    files: ["bin", "lib", "server"],
    // Optional, so that --omit=optional installs the clients alone.
    optionalDependencies: { bun },
    peerDependencies: Object.fromEntries(ofGrpc.map((each) => [each, dependencies[each]])),
    peerDependenciesMeta: Object.fromEntries(ofGrpc.map((each) => [each, { optional: true }])),
  };
}
