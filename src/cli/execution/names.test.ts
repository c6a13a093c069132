import { expect, test } from "bun:test";
import { ApiError } from "../../client/errors.ts";
import { idOf } from "./names.ts";

const idAt = (n: number) => String(n).padStart(24, "0");

type Query = Readonly<Record<string, unknown>>;

/** Lists of 100 entries a page, by path. */
function context(lists: Readonly<Record<string, readonly object[] | ApiError>>) {
  return {
    remember: () => {},
    async request({ path, query = {} }: { path: string; query?: Query }) {
      const all = lists[path];
      if (all === undefined || all instanceof ApiError) throw all ?? new Error(path);
      const items = path.split("/").at(-1) ?? "";
      if (query.cursor === undefined) return { data: { [items]: all } };
      const from = Number(query.cursor);
      const rows = all.slice(from, from + 100);
      const more = from + 100 < all.length ? { next_cursor: String(from + 100) } : {};
      return { data: { [items]: rows, pagination: more } };
    },
  } as never;
}

const people = (count: number, row: (n: number) => object) =>
  Array.from({ length: count }, (_, n) => row(n));

test("a user is found however many have a name like that", async () => {
  const users = people(350, (n) => ({ id: idAt(n), username: n === 349 ? "bob" : `bob${n}` }));
  expect(await idOf(context({ "/api/v1/users": users }), "user", "bob", "changes")).toBe(idAt(349));
});

test("a list has an end: too many pages are told", async () => {
  const users = people(10_001, (n) => ({ id: idAt(n), username: `bob${n}` }));
  const asked = idOf(context({ "/api/v1/users": users }), "user", "bob", "looks");
  expect(await asked.catch(({ lines }) => lines)).toEqual([
    "too many have a name like that: name one by its id",
  ]);
});

test("a member is found however many there are, by an owner who is no operator, too", async () => {
  const permissions = people(1_000, (n) => ({ id: idAt(n), user: { username: `user${n}` } }));
  const refused = new ApiError({
    ...{ statusCode: 403, code: "INSUFFICIENT_PERMISSIONS", message: "" },
    ...{ violations: [], requestId: null, retryAfterS: null },
  } as never);
  const here = context({
    "/api/v1/projects/p/permissions": permissions,
    "/api/v1/users": refused,
    "/api/v1/users/auth/me": [],
  });
  expect(await idOf(here, "member", "user999", "looks", "p")).toBe(idAt(999));
  const byMail = await idOf(here, "member", "bob@example.com", "looks", "p").catch(
    ({ lines }) => lines,
  );
  expect(byMail).toEqual([
    "only operators find users by name or e-mail address: name bob@example.com by its id, a member also by its user name",
  ]);
});

test("a node is found by its name", async () => {
  const nodes = [
    { id: idAt(1), name: "east-1" },
    { id: idAt(2), name: "east-2" },
  ];
  expect(await idOf(context({ "/api/v1/nodes": nodes }), "node", "east-2", "changes")).toBe(
    idAt(2),
  );
});
