import { describe, expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { targetPathOf } from "./alias-path.ts";

describe("a target path", () => {
  test.each([
    [undefined, null, "none"],
    ["", "/", "empty"],
    ["/", "/", "the root"],
    ["app", "/app", "without its slash"],
    ["/index.php?debug=1", "/index.php?debug=1", "with a query"],
    ["?debug=1", "/?debug=1", "only a query"],
    ["/a/./b", "/a/./b", "a dot"],
    ["/a..b/...", "/a..b/...", "dots that lead nowhere"],
    ["/a?next=../b", "/a?next=../b", "dots in the query"],
    ["/a//b", "/a//b", "two slashes inside"],
    ["/%C3%A9/%20", "/%C3%A9/%20", "escapes"],
    ["/a;v=1/b", "/a;v=1/b", "parameters"],
    [`/${"a".repeat(2047)}`, `/${"a".repeat(2047)}`, "long"],
  ])("%j is %j: %s", (sent, path) => {
    expect(targetPathOf(sent)).toBe(path);
  });

  test.each([
    ["/a b", "space"],
    ["/é", "outside ASCII"],
    ["/a\r\nX-Evil: 1", "line end"],
    ["/a\0", "NUL"],
    ["/a\x7f", "DEL"],
    ["/a\t", "tab"],
    ["/a?b=\n", "line end in the query"],
    ["/a\\b", "backslash"],
    ["/a#b", "fragment"],
    ["#", "fragment alone"],
    ["//evil.example", "reads as a host"],
    ["/%2fevil.example", "reads as a host once decoded"],
    ["/%5cevil.example", "reads as a host to some"],
    ["..", "up"],
    ["/..", "up"],
    ["/a/../b", "up inside"],
    ["/a/..?b", "up before the query"],
    ["/a/%2e%2e/b", "up, escaped"],
    ["/a/.%2E/b", "up, half escaped"],
    ["/a%2f..%2fb", "up, behind escaped slashes"],
    ["/a%5c..%5cb", "up, behind escaped backslashes"],
    ["/a/%252e%252e/b", "up, escaped twice"],
    ["/a/..;v=1/b", "up, with parameters"],
    ["/a/..%3bv=1/b", "up, with escaped parameters"],
    ["/%zz", "no escape"],
    ["/a%", "half an escape"],
    ["/a?b=%2", "half an escape in the query"],
  ])("%j is refused: %s", (sent) => {
    try {
      expect(targetPathOf(sent)).toBe("refused");
    } catch (error) {
      expect(error).toBeInstanceOf(ApiError);
      const violations = [{ instancePath: "/target_path" }];
      expect(error).toMatchObject({ code: ErrorCode.VALIDATION_ERROR, violations });
    }
  });
});
