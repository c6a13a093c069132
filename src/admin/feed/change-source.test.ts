import { expect, test } from "bun:test";
import { containerState, FeedDocuments, projectState } from "./change-source.ts";

const id = "aaaaaaaaaaaaaaaaaaaaaaaa";
const placed = {
  projectId: id,
  serverName: "local",
  status: "running",
  address: "10.0.0.1",
  programs: {},
  aliases: [],
} as const;

test.each([
  ["that opens", {}, false],
  ["that does not open", { unreadable: true as const }, true],
])("a proxy is told of a row %s", (_what, damage, unreadable) => {
  const document = { enableProxy: true, body: null, userId: "u", ...damage };
  const container = { id, state: { ...placed, ...document, hooks: null } };
  expect(projectState({ id, state: document }, new FeedDocuments())).toMatchObject({
    id,
    account: "u",
    unreadable,
  });
  expect(containerState(container, new FeedDocuments())).toMatchObject({
    id,
    running: true,
    unreadable,
  });
});
