// A gate in a process of its own, from which a test takes something away: `bun gate-process.ts UPSTREAM_PORT` prints its
// port and the host of its one container.
import { create } from "@bufbuild/protobuf";
import {
  ChangesSchema,
  ContainerStateSchema,
  ProjectStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { startProxy } from "../../src/proxy/proxy.ts";

const projectId = "a".repeat(24);
const id = "c".repeat(24);
const silent = { error() {}, warn() {}, info() {} };

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
    hopKey: new Uint8Array(32),
    log: silent,
  },
  {
    changesAfter: async () =>
      create(ChangesSchema, {
        revision: 1n,
        projects: [create(ProjectStateSchema, { id: projectId })],
        containers: [
          create(ContainerStateSchema, {
            id,
            projectId,
            serverName: "local",
            running: true,
            address: "127.0.0.1",
            programs: { terminal: { port: Number(process.argv[2]) } },
          }),
        ],
      }),
    onCommit: () => () => {},
  },
);
console.log(`${gate.port} ${projectId}-${id}-terminal-1.local.containers.example.test`);
