import { expect, test } from "bun:test";
import { isEmbedded } from "./browser.ts";

const from = (site: string, mode: string, dest: string) => ({
  "sec-fetch-site": site,
  "sec-fetch-mode": mode,
  "sec-fetch-dest": dest,
});

test.each([
  ["a client that is no browser", {}, false],
  ["a bookmark", from("none", "navigate", "document"), false],
  ["a link in a mail", from("cross-site", "navigate", "document"), false],
  ["a link of a neighbour", from("same-site", "navigate", "document"), false],
  ["an image", from("cross-site", "no-cors", "image"), true],
  ["a frame", from("cross-site", "navigate", "iframe"), true],
  ["an embedded object", from("cross-site", "navigate", "object"), true],
  ["a fetch of a neighbour", from("same-site", "cors", "empty"), true],
  ["a fetch of its own", from("same-origin", "cors", "empty"), true],
  ["a worker", from("same-origin", "same-origin", "serviceworker"), true],
  ["a prefetch", { ...from("none", "navigate", "document"), "sec-purpose": "prefetch" }, true],
  ["an old prefetch", { purpose: "prefetch" }, true],
])("%s", (_what, headers, expected) => {
  expect(isEmbedded(new Headers(headers))).toBe(expected);
});
