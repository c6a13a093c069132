import { expect, test } from "bun:test";
import { allPages } from "./all-pages.ts";

const show = { as: "list", items: "entries", columns: ["id"] } as const;

/** The ids of the whole list, and the cursors that were asked for. */
async function read(pages: readonly object[]) {
  const asked: unknown[] = [];
  const { data } = await allPages(show, {}, async ({ cursor }) => {
    const page = pages[asked.push(cursor) - 1];
    return { data: page, raw: "" } as never;
  });
  return [(data as { entries: { id: number }[] }).entries.map(({ id }) => id), asked];
}

test("pages of a log may be empty and not the last", async () => {
  const pages = [
    { entries: [], cursor: "30" },
    { entries: [], cursor: "20" },
    { entries: [{ id: 7 }], cursor: null },
  ];
  expect(await read(pages)).toEqual([[7], ["", "30", "20"]]);
});

test("read forward, the log ends where its cursor stays", async () => {
  const pages = [
    { entries: [{ id: 1 }], cursor: "9" },
    { entries: [], cursor: "9" },
  ];
  expect(await read(pages)).toEqual([[1], ["", "9"]]);
});

test("another list ends with a page that has nothing, whatever is announced", async () => {
  const page = (ids: readonly number[], next_cursor: string) => ({
    ...{ entries: ids.map((id) => ({ id })), pagination: { next_cursor } },
  });
  expect(await read([page([1], "a"), page([], "b"), page([2], "c")])).toEqual([[1], ["", "a"]]);
});
