// A process with a relay whose guard has a bug, which the bytes `fault` reach; `timer` and `promise` reach one outside of all handlers.
// It prints its port, and for each line that it reads how many errors escaped.
import { escapedErrors, surviveEscaped } from "../../src/guard/escaped-errors.ts";
import { RelayListener } from "../../src/guard/relay-listener.ts";

const say = (level: string) => (fields: object, message: string) => {
  const { err } = fields as { err?: Error };
  console.log(JSON.stringify({ level, message, error: err?.message }));
};
surviveEscaped({ error: say("error"), warn: say("warn"), info: say("info") });

const server = Bun.listen({
  hostname: "127.0.0.1",
  port: 0,
  socket: { data: (socket, bytes) => void socket.write(bytes) },
});
const relay = new RelayListener({
  hostname: "127.0.0.1",
  port: 0,
  serverPort: server.port,
  limits: {
    connectionsMax: 10,
    perNetworkMax: 10,
    firstByteMs: 60_000,
    silentMs: 60_000,
    bytesPerTurn: 65_536,
    lingerMs: 1_000,
    lingerBytes: 1_000,
  },
  guard: () => ({
    fromClient(bytes) {
      const text = Buffer.from(bytes).toString();
      if (text === "fault") throw new Error("a bug in a handler");
      if (text === "timer") setTimeout(() => fail("a bug in a timer"), 1);
      if (text === "promise") void Promise.reject(new Error("a bug in a promise"));
      return true;
    },
    fromServer: () => {},
    isLate: () => false,
    closed: () => {},
  }),
});

function fail(message: string): never {
  throw new Error(message);
}

console.log(JSON.stringify({ port: relay.port }));
for await (const _line of console) {
  console.log(JSON.stringify({ escaped: escapedErrors(), open: relay.connections.open }));
}
