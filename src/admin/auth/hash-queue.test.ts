import { expect, test } from "bun:test";
import { HashQueue, hashQueueLimits } from "./hash-queue.ts";

const { waitingMax, waitingPerNetworkMax, waitingPerAccountMax } = hashQueueLimits;

/** A queue whose hashes end when they are told to. */
class Stage {
  readonly queue = new HashQueue();
  /** Who runs, in the order of the starts. */
  readonly started: string[] = [];
  readonly refused: string[] = [];
  readonly #ends = new Map<string, () => void>();

  /** Wants a hash; resolves once the queue has done what it does at once. */
  async want(network: string, account: string): Promise<void> {
    const name = `${network}/${account}`;
    const { promise, resolve } = Promise.withResolvers<void>();
    const work = () => {
      this.started.push(name);
      this.#ends.set(name, resolve);
      return promise;
    };
    this.queue.run({ network, account }, work).catch(() => this.refused.push(name));
    await settled();
  }

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.();
    await settled();
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test("a network has one place, and an account too: whoever hangs in one leaves the other to the rest", async () => {
  const stage = new Stage();
  for (let n = 0; n < 8; n++) await stage.want("office", `user-${n}`);
  for (let n = 0; n < 8; n++) await stage.want(`network-${n}`, "user-0");
  expect(stage.started).toEqual(["office/user-0"]);
  await stage.want("home", "ada");
  expect(stage.started).toEqual(["office/user-0", "home/ada"]);
});

test("networks take turns, however many of each wait", async () => {
  const stage = new Stage();
  await stage.want("busy", "0");
  await stage.want("other", "blocker");
  for (let n = 1; n < 4; n++) await stage.want("busy", `${n}`);
  for (const network of ["a", "b", "c"]) await stage.want(network, network);
  const order = ["busy/0", "other/blocker"];
  for (let n = 0; n < 5; n++) {
    await stage.end(stage.started[n] ?? "");
    order.push(stage.started.at(-1) ?? "");
  }
  expect(order.slice(2)).toEqual(["busy/1", "a/a", "b/b", "c/c", "busy/2"]);
});

test("a network and an account have their limits in the queue", async () => {
  const stage = new Stage();
  for (let n = 0; n <= waitingPerNetworkMax; n++) await stage.want("busy", `${n}`);
  expect(stage.refused).toEqual([]);
  await stage.want("busy", "more");
  expect(stage.refused).toEqual(["busy/more"]);
  await stage.want("a", "ada");
  for (let n = 0; n < waitingPerAccountMax; n++) await stage.want(`n${n}`, "ada");
  await stage.want("more", "ada");
  expect(stage.refused).toEqual(["busy/more", "more/ada"]);
});

test("a full queue makes room for a network that has less in it", async () => {
  const stage = new Stage();
  for (let network = 0; network < 8; network++) {
    for (let n = 0; n < waitingPerNetworkMax; n++)
      await stage.want(`${network}`, `${network}-${n}`);
  }
  for (let n = stage.queue.waiting; n < waitingMax; n++) await stage.want(`more-${n}`, `more-${n}`);
  expect(stage.queue.waiting).toBe(waitingMax);
  expect(stage.refused).toEqual([]);
  await stage.want("home", "ada");
  expect(stage.queue.waiting).toBe(waitingMax);
  expect(stage.refused).toEqual(["7/7-31"]);
  for (const running of ["0/0-0", "1/1-0"]) await stage.end(running);
  const turns = [];
  for (let n = 2; n < 20; n++) {
    turns.push(stage.started[n]);
    await stage.end(stage.started[n] ?? "");
  }
  expect(turns).toContain("home/ada");
});

test("what ends, in whichever way, leaves its place", async () => {
  const queue = new HashQueue();
  for (let n = 0; n < 10; n++) {
    const failed = queue.run({ network: "a", account: "b" }, () => Promise.reject(new Error("no")));
    await expect(failed).rejects.toThrow("no");
  }
  expect(await queue.run({ network: "a", account: "b" }, async () => 1)).toBe(1);
  expect(queue.waiting).toBe(0);
});
