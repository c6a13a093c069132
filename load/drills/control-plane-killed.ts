// `bun load/drills/control-plane-killed.ts [ROUNDS]` (5): a control plane is killed straight after it answered a write that takes
// access away. The followers of the other one enforce it all the same, and cut the WebSocket that the access had let in.
import type { Member } from "../../test/harness/cluster.ts";
import { closed, open, statusAt } from "../../test/harness/cluster-places.ts";
import { until, within } from "../../test/harness/until.ts";
import { drill, quantile } from "./drill.ts";
import { openSocket } from "./open-socket.ts";

const rounds = Number(process.argv[2] ?? 5);
/** What a write takes at most until the other control plane has looked, and its followers enforce it. */
const HEARD_MS_MAX = 1_500;
/** Reconnects of proxies are spread. */
const RECONNECTED_MS_MAX = 10_000;

await drill("control plane killed straight after its 200", async (drill) => {
  const { cluster, places } = await drill.installation({ servers: [] });
  const token = await cluster.node("proxy", "local");
  cluster.tokens.set("local", token);
  const feeds = cluster.controls.map(({ said }) => said.feed ?? "");
  const [first = "", second = ""] = feeds;
  // Two that follow only the one that stays; one that has to go there.
  const starts = [second, second, first].map((feed, n) =>
    cluster.startProxy("local", `proxy-${n}`, n === 2 ? `${first},${second}` : feed),
  );
  cluster.proxies.push(...(await Promise.all(starts)));
  await places.comeBack();
  const others = cluster.proxies.slice(0, 2);
  const own = cluster.proxies[2];
  const heard: number[] = [];
  const cut: number[] = [];
  const codes: number[] = [];
  const reconnected: number[] = [];
  const at = await places.make("local");
  for (let round = 0; round < rounds; round++) {
    const survivor = await places.asAdmin(cluster.controls[1]?.said.rest ?? "");
    const opened = await places.write(at, open, survivor);
    const { data } = (await places.wait(opened, survivor)).body;
    if (!data.complete) throw new Error(`not enforced before: ${JSON.stringify(data)}`);
    const sockets = await Promise.all(others.map((proxy) => openSocket(proxy, at)));
    const [victim] = cluster.controls;
    const mortal = await places.asAdmin(victim?.said.rest ?? "");
    await places.write(at, closed, mortal);
    const killed = victim?.kill();
    const answeredMs = performance.now();
    const isClosed = (proxy: Member | undefined) =>
      until(async () => (await statusAt(proxy, at)) === 403, "it is closed", 30_000).then(
        () => performance.now() - answeredMs,
      );
    const ownMs = isClosed(own);
    heard.push(...(await Promise.all(others.map(isClosed))));
    for (const { ended } of sockets) {
      const { code, atMs } = await within(ended, "the WebSocket is cut", 5_000);
      codes.push(code);
      cut.push(atMs - answeredMs);
    }
    reconnected.push(await ownMs);
    await killed;
    cluster.controls[0] = await cluster.startControl({
      REALMGATE_FEED_LISTEN: new URL(first).host,
      REALMGATE_GRPC_LISTEN: new URL(victim?.said.grpc ?? "").host,
      REALMGATE_REST_LISTEN: new URL(victim?.said.rest ?? "").host,
    });
  }
  drill.row("rounds, followers of the other", `${rounds}, ${others.length}`);
  drill.row("they enforce it after (median)", `${Math.round(quantile(heard, 0.5))} ms`);
  drill.atMost("at the latest after", Math.max(...heard), HEARD_MS_MAX);
  drill.atMost("WebSockets are cut at the latest after", Math.max(...cut), HEARD_MS_MAX);
  drill.exactly(
    "WebSockets cut with another code than 1008",
    codes.filter((code) => code !== 1008).length,
    0,
  );
  drill.atMost(
    "a follower of the killed one enforces it after",
    Math.max(...reconnected),
    RECONNECTED_MS_MAX,
  );
});
