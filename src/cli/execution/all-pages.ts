// `--all`: a whole list, read page by page.
import { cursorAfter } from "../../client/next-cursor.ts";
import { rowsOf } from "../output/render.ts";
import type { Show } from "../output/show.ts";
import type { AnsweredCall } from "./context.ts";

/** Entries per page unless the caller limits them: the server's maximum. */
const pageEntries = 100;

type Query = Readonly<Record<string, string | number | boolean>>;

/**
 * One answer with every entry, and without pagination. Reads by cursor: entries that come or go meanwhile make it neither skip
 * nor repeat others; a page may be short, or empty, and not be the last. `raw` has the body of each page on a line.
 */
export async function allPages(
  show: Extract<Show, { as: "list" }>,
  query: Query,
  request: (query: Query) => Promise<AnsweredCall>,
): Promise<AnsweredCall> {
  let answered = await request({ limit: pageEntries, ...query, cursor: "" });
  const { page: _, ...further } = query;
  const rows = [...rowsOf(show, answered.data)];
  const bodies = [answered.raw];
  let cursor = cursorAfter(answered, rows.length, undefined);
  while (cursor !== undefined) {
    answered = await request({ limit: pageEntries, ...further, cursor });
    const more = rowsOf(show, answered.data);
    rows.push(...more);
    bodies.push(answered.raw);
    cursor = cursorAfter(answered, more.length, cursor);
  }
  return { ...answered, data: withRows(show, answered.data, rows), raw: bodies.join("\n") };
}

function withRows({ items }: { readonly items: string | null }, data: unknown, rows: unknown[]) {
  if (items === null) return rows;
  const { pagination: _, next_cursor: __, ...rest } = data as Record<string, unknown>;
  return { ...rest, [items]: rows };
}
