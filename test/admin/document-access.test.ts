import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { ApiError } from "../../proto/call.ts";
import { refusalOf } from "../../proto/errors.ts";
import { DocumentAccess } from "../../src/admin/documents/document-access.ts";
import { storedDocument } from "../../src/admin/documents/permission-document.ts";
import type { DocumentKey, Scope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import { contextOf, openPlace } from "../harness/documents.ts";

let store: Store;
let scope: Scope;
let project: DocumentKey;
let container: DocumentKey;

beforeEach(async () => {
  ({ store, scope, project, container } = await openPlace());
});

afterEach(() => store.close());

/** The store, with something that happens between each read of a document and the write that follows. */
function meanwhile(happens: (read: number) => Promise<unknown>): Store {
  let reads = 0;
  return {
    ...store,
    async document(scope, key) {
      const view = await store.document(scope, key);
      await happens(++reads);
      return view;
    },
  };
}

function put(key: DocumentKey, expected: number, body: string) {
  const write = { expected, projectVersion: null, enableProxy: true, body, hooks: null };
  return store.putDocument(scope, key, write);
}

/** Adds a group to the container's document; the default that came of it. */
async function addGroup(through: Store): Promise<string | undefined> {
  const access = new DocumentAccess("container", through);
  const { state } = await access.edit(contextOf(scope, 0), container.id, () => {});
  return storedDocument(state)?.default;
}

describe("a container's first document takes over the project's default", () => {
  test("as it is when the write is made, not when it was begun", async () => {
    const closes = async (read: number) => read === 1 && put(project, 0, '{"default":"deny"}');
    expect(await addGroup(meanwhile(closes))).toBe("deny");
  });

  test("and gives up rather than take an old one, when it never stands still", async () => {
    let version = 0;
    const moves = () => put(project, version++, '{"default":"deny"}');
    const writing = addGroup(meanwhile(moves));
    const refused = await writing.catch((error) => error);
    if (!(refused instanceof ApiError)) throw new Error("it was written");
    expect(refusalOf(refused.code).code).toBe("PRECONDITION_FAILED");
    expect((await store.document(scope, container))?.state).toMatchObject({
      version: 0,
      body: null,
    });
    expect(version).toBeWithin(2, 20);
  });
});

test("a document of its own does not care what the project's becomes", async () => {
  await put(container, 0, '{"default":"allow"}');
  let version = 0;
  const access = new DocumentAccess(
    "container",
    meanwhile(() => put(project, version++, '{"default":"deny"}')),
  );
  const { state } = await access.edit(contextOf(scope, 1), container.id, () => {});
  expect([version, storedDocument(state)?.default]).toEqual([1, "allow"]);
});

test("who writes to the same document in between wins", async () => {
  const wins = () => put(container, 0, '{"default":"deny"}');
  await expect(addGroup(meanwhile(wins))).rejects.toThrow("etag_mismatch");
  expect((await store.document(scope, container))?.state.body).toBe('{"default":"deny"}');
});

test("what is asked of a change that is refused is not written", async () => {
  const access = new DocumentAccess("container", store);
  const change = () => {
    throw new Error("no");
  };
  await expect(access.edit(contextOf(scope, 0), container.id, change)).rejects.toThrow("no");
  expect((await store.document(scope, container))?.state.version).toBe(0);
});
