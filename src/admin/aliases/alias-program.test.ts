import { describe, expect, test } from "bun:test";
import { ApiError } from "../../../proto/call.ts";
import { ErrorCode } from "../../../proto/gen/realmgate/v1/errors_pb.ts";
import { type AliasTarget, aliasTarget, type RequestedTarget } from "./alias-program.ts";

function pointerOfRefusal(asked: RequestedTarget, kept: AliasTarget | null = null): string {
  try {
    return `taken: ${JSON.stringify(aliasTarget(asked, kept))}`;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    expect(error.code).toBe(ErrorCode.INVALID_ALIAS_PROGRAM);
    return error.violations[0]?.instancePath ?? "";
  }
}

describe("a new alias leads", () => {
  test.each<[RequestedTarget, string, number, string]>([
    [{ program: "terminal" }, "terminal", 1, "the first instance"],
    [{ program: "terminal", index: 9999 }, "terminal", 9999, "the last instance"],
    [{ program: "terminal", port: 80, index: 2 }, "terminal", 2, "a port means nothing here"],
    [{ program: "kv" }, "sqlite", 1, "another name"],
    [{ program: "workspaces", index: 2 }, "agent", 2, "an older name"],
    [{ program: "notification-server" }, "notifications", 1, "another name with a dash"],
    [{ program: "logs" }, "logs", 1, "the logs"],
    [{ program: "cdp" }, "cdp", 1, "the browser's debugger"],
    [{ program: "http" }, "http", 80, "the port of a host that names none"],
    [{ program: "https" }, "https", 443, "the port of a host that names none"],
    [{ program: "http", index: 3000 }, "http", 3000, "the index is the port"],
    [{ program: "http-3000" }, "http", 3000, "the port in the program"],
    [{ program: "https-65535" }, "https", 65535, "the last port"],
    [{ program: "http-3000", index: 5 }, "http", 3000, "in the program before index"],
    [{ program: "http-3000", port: 8080, index: 5 }, "http", 8080, "port before both"],
    [{ program: "http", port: 1, index: 5 }, "http", 1, "port before index"],
    [{ program: "ssh" }, "ssh", 22, "its only port"],
    [{ program: "ssh-22" }, "ssh", 22, "its only port, said"],
    [{ program: "ssh", port: 2222, index: 5 }, "ssh", 22, "whatever else is said"],
  ])("%j to %s %i: %s", (asked, program, instance) => {
    expect(aliasTarget(asked, null)).toEqual({ program, instance });
  });

  test.each<[RequestedTarget, string, string]>([
    [{ program: "web" }, "/program", "no program"],
    [{ program: "" }, "/program", "empty"],
    [{ program: "Terminal" }, "/program", "upper case"],
    [{ program: "terminal-2" }, "/program", "only ports go into the program"],
    [{ program: "constructor" }, "/program", "a name of every object"],
    [{ program: "http-" }, "/program", "no port"],
    [{ program: "http-0" }, "/program", "port zero"],
    [{ program: "http-080" }, "/program", "leading zero"],
    [{ program: "http-65536" }, "/program", "port too large"],
    [{ program: "http-65536", port: 80 }, "/program", "port too large, whatever else is said"],
    [{ program: "http-3000\n" }, "/program", "line end"],
    [{ program: "ssh-2222" }, "/program", "ssh elsewhere"],
    [{ program: "terminal", index: 10_000 }, "/index", "instance too large"],
  ])("nowhere: %j is refused at %s: %s", (asked, pointer) => {
    expect(pointerOfRefusal(asked)).toBe(pointer);
  });
});

describe("an alias that changes", () => {
  const http: AliasTarget = { program: "http", instance: 3000 };
  const terminal: AliasTarget = { program: "terminal", instance: 2 };
  const ssh: AliasTarget = { program: "ssh", instance: 22 };

  test.each<[AliasTarget, RequestedTarget, AliasTarget, string]>([
    [http, { program: "https" }, { program: "https", instance: 3000 }, "keeps its port"],
    [http, { program: "https-81" }, { program: "https", instance: 81 }, "takes the port sent"],
    [http, { program: "http", port: 81 }, { program: "http", instance: 81 }, "takes the port"],
    [terminal, { program: "display" }, { program: "display", instance: 2 }, "keeps its number"],
    [terminal, { program: "terminal", port: 81 }, terminal, "a port means nothing here"],
    [http, { program: "terminal" }, { program: "terminal", instance: 1 }, "a port is no number"],
    [terminal, { program: "http" }, { program: "http", instance: 80 }, "a number is no port"],
    [terminal, { program: "ssh" }, ssh, "ssh has one"],
    [ssh, { program: "http" }, { program: "http", instance: 80 }, "22 is kept only for ssh"],
    [ssh, { program: "files" }, { program: "files", instance: 1 }, "22 is kept only for ssh"],
  ])("from %j by %j is %j: %s", (kept, asked, target) => {
    expect(aliasTarget(asked, kept)).toEqual(target);
  });
});
