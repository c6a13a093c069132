// A gate in a process of its own, from which a test takes something away: `bun gate-process.ts UPSTREAM_PORT` prints its
// port and the host of its one container.
import { startProxy } from "../../src/proxy/proxy.ts";
import { ChangeRegistry, containerState, PARENT, projectState } from "./change-registry.ts";
import { plainEdge } from "./on-edge.ts";

const projectId = "a".repeat(24);
const id = "c".repeat(24);

const registry = new ChangeRegistry();
registry.commit(
  [projectState(registry, projectId, {})],
  [containerState(registry, projectId, id, {}, Number(process.argv[2]))],
);
const gate = await startProxy(
  {
    hostname: "127.0.0.1",
    port: 0,
    domain: "example.test",
    serverName: "local",
    trustedProxies: [],
    programPorts: {},
    mayDial: () => true,
    isForbidden: () => false,
    bypassKeys: () => [new Uint8Array(32)],
    plainEdge,
    log: { error() {}, warn() {}, info() {} },
  },
  registry,
);
console.log(`${gate.port} ${projectId}-${id}-terminal-1.${PARENT}`);
