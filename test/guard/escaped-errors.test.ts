// A fault of the gate costs the connection that reached it, not the process, and is heard.
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { until } from "../harness/until.ts";
import { Wire } from "../harness/wire.ts";

const script = join(import.meta.dir, "../harness/faulty-relay.ts");
const child = Bun.spawn(["bun", script], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
afterAll(() => child.kill());

const lines: Record<string, unknown>[] = [];
void (async () => {
  let text = "";
  for await (const chunk of child.stdout.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    const whole = text.split("\n");
    text = whole.pop() ?? "";
    for (const line of whole) lines.push(JSON.parse(line));
  }
})();
const found = async (key: string) => {
  await until(() => lines.some((line) => key in line), `it says ${key}`);
  return lines.find((line) => key in line) ?? {};
};
const port = Number((await found("port")).port);

/** What comes back on a connection of its own. */
async function echoed(bytes: string): Promise<string> {
  const wire = new Wire(port).send(bytes);
  await wire.saw(bytes);
  wire.end();
  return wire.received;
}

test("what throws in a handler, a timer or a promise is logged, and the others are served", async () => {
  const neighbour = new Wire(port).send("before");
  await neighbour.saw("before");
  expect(await echoed("fault")).toBe("");
  expect(await echoed("timer")).toBe("timer");
  expect(await echoed("promise")).toBe("promise");
  const bugs = ["a bug in a handler", "a bug in a timer", "a bug in a promise"];
  const heard = () => lines.filter(({ level }) => level === "error").map(({ error }) => error);
  await until(() => heard().length === bugs.length, "all are heard");
  expect(heard().toSorted()).toEqual(bugs.toSorted());
  neighbour.send("after");
  expect(await neighbour.saw("after")).toBe(true);
  neighbour.end();
  await neighbour.closed;
  for (let isClosed = false; !isClosed; ) {
    const asked = lines.length;
    child.stdin.write("\n");
    await child.stdin.flush();
    await until(() => lines.length > asked, "it answers");
    expect(lines.at(-1)?.escaped).toBe(bugs.length);
    isClosed = lines.at(-1)?.open === 0;
  }
  expect(child.exitCode).toBe(null);
});
