import { expect, test } from "bun:test";
import { trafficCommands } from "./traffic.ts";

/** Stops the stream, which has no end of its own. */
class Enough extends Error {}

test("a stream begins at the newest request, however far back the last one lies that passes the filters", async () => {
  const asked: object[] = [];
  const answers = [
    { entries: [{ id: 900 }], cursor: "900" },
    { entries: [{ id: 12 }, { id: 7 }], cursor: null },
    { entries: [{ id: 901 }], cursor: "901" },
  ];
  const printed: string[] = [];
  const context = {
    settings: { output: "json", container: undefined },
    io: { stdout: { write: (line: string) => void printed.push(line.trim()) } },
    async request({ query }: { query: object }) {
      const data = answers[asked.push(query) - 1];
      if (data === undefined) throw new Enough();
      return { data };
    },
  };
  const stream = trafficCommands.find(({ words }) => words === "proxy logs stream");
  const args = new Map([["id", "890abcdef12345678901cdef"]]);
  const given = { args, flags: new Map([["level", "error"]]) };
  const run = stream !== undefined && "run" in stream ? stream.run : undefined;
  expect(await run?.(context as never, given as never).catch((error) => error)).toBeInstanceOf(
    Enough,
  );
  expect(asked).toEqual([
    { limit: 1 },
    { level: "error", limit: 10, cursor: "901" },
    { level: "error", limit: 200, after_id: "900" },
    { level: "error", limit: 200, after_id: "901" },
  ]);
  expect(printed).toEqual([7, 12, 901].map((id) => JSON.stringify({ id })));
});
