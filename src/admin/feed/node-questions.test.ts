// Questions to nodes, of which some say anything: what their answers may cost, and what counts as one.
import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { EventEmitter } from "node:events";
import { create, fromBinary } from "@bufbuild/protobuf";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import {
  AnswerRequestSchema,
  AnswerResponseSchema,
} from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { EVERY_ENTRY } from "../../exchange-log/log-entry.ts";
import type { AnswerCall } from "./answering-process.ts";
import type { NodeQuestion } from "./node-question.ts";
import { NodeQuestions } from "./node-questions.ts";

const MIB = 1024 * 1024;

/** A process of a node, as its stream shows it. */
class ImaginedNode {
  readonly asked: bigint[] = [];
  readonly call = new EventEmitter();
  problem: string | null = null;
  /** Answers at once with this. */
  answer: unknown;

  constructor(questions: NodeQuestions, node: string) {
    const write = (bytes: Uint8Array) => {
      const { id } = fromBinary(AnswerResponseSchema, bytes);
      this.asked.push(id);
      if (this.answer !== undefined) this.say(id, JSON.stringify(this.answer));
    };
    const call = Object.assign(this.call, { write, end: () => {} });
    this.call.on("error", ({ details }) => {
      this.problem = details;
    });
    questions.listen(call as unknown as AnswerCall, {
      ...{ node, servers: ["local"], keys: {}, domain: "example.test" },
    });
  }

  hello(process: string): void {
    const value = { process, servers: ["local"] };
    this.call.emit("data", create(AnswerRequestSchema, { body: { case: "hello", value } }));
  }

  say(id: bigint, text: string | Uint8Array, last = true): void {
    const value = { id, part: typeof text === "string" ? Buffer.from(text) : text, last };
    this.call.emit("data", create(AnswerRequestSchema, { body: { case: "answer", value } }));
  }

  sayPart(bytes: number): void {
    for (const id of this.asked) this.say(id, Buffer.alloc(bytes, " "), false);
  }
}

let questions: NodeQuestions;
let nodes: ImaginedNode[] = [];

const nodeOf = (node: string, process = "main") => {
  const each = new ImaginedNode(questions, node);
  each.hello(process);
  nodes.push(each);
  return each;
};
const turn = () => new Promise((resolve) => setImmediate(resolve));
const listOf = (container: string) => {
  // Of so many connections an answer has 8 MiB at most.
  return {
    kind: "list",
    container,
    group: null,
    limit: 508,
    account: `of ${container}`,
  } as const satisfies NodeQuestion;
};
const listed = { connections: [], total: 3 };

beforeEach(() => {
  questions = new NodeQuestions();
  nodes = [];
});

/** Streams end, and with them all that waits. */
afterEach(() => {
  for (const { call } of nodes) call.emit("close");
});

describe("what answers may cost", () => {
  test("those over all streams have 64 MiB: the longest is given up", async () => {
    const hogs = ["a", "b", "c"].map((name) => nodeOf(name));
    const small = nodeOf("d");
    const asked = Array.from({ length: 3 }, (_, n) => questions.ask("local", listOf(`c${n}`)));
    await turn();
    // 9 × 7 MiB are too much together with 3 MiB; the longest goes.
    for (const id of small.asked) small.say(id, Buffer.alloc(MIB, " "), false);
    for (const each of hogs) each.sayPart(7 * MIB);
    const whole = JSON.stringify(listed);
    for (const each of [...hogs, small]) for (const id of each.asked) each.say(id, whole);
    const answers = (await Promise.all(asked)).flat();
    expect(answers.filter(({ node }) => node === "d")).toHaveLength(3);
    expect(answers).toHaveLength(11);
  });

  test("bytes are free again after each answer, whole or not", async () => {
    const node = nodeOf("a");
    for (let n = 0; n < 24; n++) {
      const asked = questions.ask("local", listOf("c"));
      await turn();
      const id = node.asked.at(-1) ?? 0n;
      node.say(id, Buffer.alloc(7 * MIB, " "), false);
      if (n % 2 === 0) node.say(id, Buffer.alloc(2 * MIB), false);
      else node.say(id, JSON.stringify(listed));
      expect(await asked).toHaveLength(n % 2);
    }
  });

  test("an answer has as many bytes and values as was asked for", async () => {
    const node = nodeOf("a");
    const few = { ...listOf("c"), limit: 1 };
    const say = async (text: string) => {
      node.answer = undefined;
      const asked = questions.ask("local", few);
      await turn();
      node.say(node.asked.at(-1) ?? 0n, text);
      return (await asked).length;
    };
    expect(await say(JSON.stringify({ ...listed, more: " ".repeat(60 * 1024) }))).toBe(1);
    expect(await say(JSON.stringify({ ...listed, more: " ".repeat(MIB) }))).toBe(0);
    // Objects, of which each costs more than its two bytes; text is text, whatever is in it.
    const text = '\\"{,['.repeat(10_000);
    expect(await say(JSON.stringify({ ...listed, more: text }))).toBe(1);
    expect(await say(JSON.stringify({ ...listed, more: Array(1_000).fill({}) }))).toBe(1);
    expect(await say(JSON.stringify({ ...listed, more: Array(3_000).fill({}) }))).toBe(0);
    const parse = spyOn(JSON, "parse");
    expect(await say(`[${"{},".repeat(20_000)}{}]`)).toBe(0);
    expect(parse).not.toHaveBeenCalled();
    parse.mockRestore();
  });

  test("parts without bytes count, too", async () => {
    const node = nodeOf("a");
    const asked = questions.ask("local", listOf("c"));
    await turn();
    for (let n = 0; n <= (8 * MIB) / 64; n++) node.say(1n, new Uint8Array(), false);
    node.say(1n, JSON.stringify(listed));
    expect(await asked).toEqual([]);
  });

  test("a node has 32 streams; those of another do not count, nor those that ended", () => {
    const [first] = Array.from({ length: 32 }, (_, n) => nodeOf("a", `p${n}`));
    expect(nodeOf("a", "refused").problem).toBe("too many streams");
    expect(nodeOf("b").problem).toBeNull();
    first?.call.emit("close");
    expect(nodeOf("a", "more").problem).toBeNull();
  });

  test("a container is read four times at once", async () => {
    const node = nodeOf("a");
    const asked = Array.from({ length: 4 }, () => questions.ask("local", listOf("c")));
    const fifth = questions.ask("local", listOf("c")).catch((error) => error);
    expect(await Promise.race([fifth, turn()])).toMatchObject({
      code: ErrorCode.PROXY_UNREACHABLE,
    });
    const other = questions.ask("local", listOf("other"));
    await turn();
    for (const id of node.asked) node.say(id, JSON.stringify(listed));
    expect(await Promise.all([...asked, other])).toHaveLength(5);
    node.answer = listed;
    const again = Array.from({ length: 4 }, () => questions.ask("local", listOf("c")));
    expect(await Promise.all(again)).toHaveLength(4);
  });

  test("one account does not take all reads of a process, however many containers it has", async () => {
    const node = nodeOf("a");
    const of = (container: string, account: string) => ({ ...listOf(container), account });
    for (let n = 0; n < 40; n++) void questions.ask("local", of(`c${n}`, "greedy"));
    await turn();
    expect(node.asked).toHaveLength(8);
    node.answer = listed;
    expect(await questions.ask("local", of("other", "modest"))).toHaveLength(1);
  });

  test("ending connections does not wait for reads", async () => {
    const node = nodeOf("a");
    for (let n = 0; n < 33; n++) void questions.ask("local", listOf(`c${n}`));
    await turn();
    expect(node.asked).toHaveLength(32);
    node.answer = 2;
    const question = { kind: "endOfGroup", container: "c", group: "office" } as const;
    expect(await questions.ask("local", question)).toMatchObject([{ answer: 2 }]);
  });
});

describe("who is asked", () => {
  test("a process is read once, over its newest stream", async () => {
    for (const process of ["main", "main", "other"]) nodeOf("a", process).answer = listed;
    nodeOf("b").answer = listed;
    const answers = await questions.ask("local", listOf("c"));
    expect(answers.map(({ node, process }) => `${node}/${process}`)).toEqual([
      ...["a/main", "a/other", "b/main"],
    ]);
    expect(nodes.map(({ asked }) => asked.length)).toEqual([0, 1, 1, 1]);
  });

  test("a stream that ended before its hello is not", async () => {
    const gone = new ImaginedNode(questions, "a");
    gone.answer = listed;
    gone.call.emit("close");
    gone.hello("main");
    expect(await questions.ask("local", listOf("c"))).toEqual([]);
  });

  test("what ends something is said over every stream", async () => {
    for (let n = 0; n < 2; n++) nodeOf("a").answer = n === 0;
    const question = { kind: "end", container: "c", id: "1" } as const;
    expect((await questions.ask("local", question)).map(({ answer }) => answer)).toContain(true);
  });
});

describe("what is no answer", () => {
  const query = { container: "c", account: "a", filter: EVERY_ENTRY, limit: 2 };
  const entry = {
    ...{ id: 7, project: "p", container: "c", requestId: "r", traceId: null, startedAtMs: 1 },
    ...{ durationMs: 2.5, method: "GET", path: null, program: "http", instance: 80, alias: null },
    ...{ hook: null, status: 200, reason: "open", groups: null, subject: null, client: "::1" },
    ...{ bytes: 1, end: "complete" },
  };
  const connection = {
    ...{ id: "1", client: "::1", program: "http", instance: 80, alias: null, method: "GET" },
    ...{ path: "/", status: null, reason: "open", groups: ["a"], subject: null, sinceMs: 1 },
    bytes: 0,
  };
  const counts = { byLevel: { info: 1 }, byProject: {}, byContainer: {}, byService: {} };
  const stats = { total: 1, ...counts, by_reason: {} };
  const newest = { kind: "newest", query, before: 9 } as const;
  const oldest = { kind: "oldest", query, after: 5 } as const;
  const list = { kind: "list", container: "c", group: null, limit: 2, account: "a" } as const;

  const cases: [what: string, question: NodeQuestion, good: unknown, bad: unknown[]][] = [
    [
      "a page of the newest",
      newest,
      { entries: [entry, entry], next: 5 },
      [
        null,
        [],
        {},
        { entries: [entry, entry, entry], next: null },
        { entries: {}, next: null },
        { entries: [null], next: null },
        { entries: [{ ...entry, startedAtMs: 1e300 }], next: null },
        { entries: [{ ...entry, path: {} }], next: null },
        { entries: [{ ...entry, alias: 1 }], next: null },
        { entries: [{ ...entry, instance: 1.5 }], next: null },
        { entries: [{ ...entry, status: 1e10 }], next: null },
        { entries: [{ ...entry, client: "\ud800" }], next: null },
        { entries: [], next: 9 },
        { entries: [], next: "5" },
        { entries: [], next: 5.5 },
        { entries: [] },
      ],
    ],
    [
      "a page of the oldest",
      oldest,
      { entries: [entry], next: 7, isEnd: true },
      [
        { entries: [], next: 4 },
        { entries: [], next: null },
        { entries: [], next: 1e300 },
        { entries: [], next: 7, isEnd: 1 },
      ],
    ],
    [
      "statistics",
      { kind: "stats", container: "c", account: "a" },
      stats,
      [
        { ...stats, total: -1 },
        { ...stats, total: 2e9 },
        { ...stats, byLevel: { info: "1" } },
        { ...stats, byLevel: null },
        { total: 1 },
      ],
    ],
    [
      "open connections",
      list,
      { connections: [connection], total: 1 },
      [
        { connections: [connection, connection, connection], total: 3 },
        { connections: [{ ...connection, sinceMs: null }], total: 1 },
        { connections: [{ ...connection, groups: [1] }], total: 1 },
        { connections: [], total: "1" },
      ],
    ],
    ["an end", { kind: "end", container: "c", id: "1" }, false, [0, "true", null]],
    ["ends", { kind: "endOfGroup", container: "c", group: "g" }, 0, [true, -1, 0.5, "1", 2e9]],
  ];

  test.each(cases)("of %s one shape counts, and no other", async (_what, question, good, bad) => {
    const [honest, other] = [nodeOf("honest"), nodeOf("other")];
    honest.answer = good;
    for (const each of [good, ...bad]) {
      other.answer = each;
      const answers = await questions.ask("local", question as never);
      const heard = answers.map(({ node }) => node);
      expect([each, heard]).toEqual([each, each === good ? ["honest", "other"] : ["honest"]]);
    }
  });
});
