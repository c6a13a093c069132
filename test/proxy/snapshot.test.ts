import { describe, expect, test } from "bun:test";
import { create, fromBinary, type JsonObject, type Message, toBinary } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { ProgramPortSchema } from "../../proto/gen/realmgate/v1/containers_pb.ts";
import {
  AliasStateSchema,
  type Changes,
  ChangesSchema,
  type ContainerState,
  ServiceHooksStateSchema,
} from "../../proto/gen/realmgate/v1/feed_pb.ts";
import { HookSchema } from "../../proto/gen/realmgate/v1/hooks_pb.ts";
import type { DirectHost } from "../../src/proxy/routing/host.ts";
import { DEFAULT_SETTINGS } from "../../src/proxy/routing/program-settings.ts";
import { Snapshot } from "../../src/proxy/snapshot/snapshot.ts";
import { type ContainerInit, feedChanges, type ProjectInit } from "../harness/feed-changes.ts";

const P = "aaaaaaaaaaaaaaaaaaaaaaaa";
const C = "cccccccccccccccccccccccc";
const OTHER = "dddddddddddddddddddddddd";
const OPEN: JsonObject = { default: "allow" };
const CLOSED: JsonObject = { default: "deny" };
const BROKEN: JsonObject = { groups: { g: { type: "ip", range: "nonsense" } }, default: "allow" };

function empty(problems: object[] = []): Snapshot {
  const log = { error: (fields: object) => problems.push(fields), warn() {}, info() {} };
  return Snapshot.empty({
    serverName: "local",
    programPorts: { terminal: 76 },
    mayDial: (address) => address !== "10.9.9.9",
    log,
  });
}

const project = (init: ProjectInit = {}): ProjectInit => ({ id: P, ...init });
const container = (init: ContainerInit = {}): ContainerInit => {
  const placed = { id: C, projectId: P, serverName: "local", running: true, address: "10.0.0.1" };
  return { ...placed, ...init };
};
const changes = feedChanges;

const host = (init: Partial<DirectHost> = {}): DirectHost => ({
  kind: "direct",
  project: P,
  container: C,
  program: "terminal",
  instance: 1,
  ...init,
});

describe("no route", () => {
  const other = "bbbbbbbbbbbbbbbbbbbbbbbb";
  test.each([
    ["an unknown container", [project()], [], "no_container"],
    ["an unknown project", [], [container()], "no_container"],
    ["a deleted container", [project()], [container({ deleted: true })], "no_container"],
    ["a deleted project", [project({ deleted: true })], [container()], "no_container"],
    [
      "an address outside the networks for containers",
      [project()],
      [container({ address: "10.9.9.9" })],
      "no_container",
    ],
    ["another project's", [project()], [container({ projectId: other })], "no_container"],
    ["another server's", [project()], [container({ serverName: "far" })], "no_container"],
    ["not running", [project()], [container({ running: false })], "no_container"],
    ["not an address", [project()], [container({ address: "localhost" })], "no_container"],
    ["an empty address", [project()], [container({ address: "" })], "no_container"],
    [
      "absent before disabled",
      [project({ disabled: true })],
      [container({ running: false, disabled: true })],
      "no_container",
    ],
    ["the container's kill switch", [project()], [container({ disabled: true })], "disabled"],
    ["the project's kill switch", [project({ disabled: true })], [container()], "disabled"],
    [
      "disabled before a broken document",
      [project({ disabled: true })],
      [container({ document: BROKEN })],
      "disabled",
    ],
    ["a broken document", [project()], [container({ document: BROKEN })], "policy_error"],
    [
      "a broken document of its own over a good one",
      [project({ document: OPEN })],
      [container({ document: BROKEN })],
      "policy_error",
    ],
    ["a broken project document", [project({ document: BROKEN })], [container()], "policy_error"],
  ])("%s", (_what, projects, containers, refusal) => {
    expect(
      empty()
        .apply(changes(1n, projects, containers))
        .route(host()),
    ).toBe(refusal as "disabled");
  });

  test("an absent address", () => {
    const { address: _absent, ...state } = container();
    expect(
      empty()
        .apply(changes(1n, [project()], [state]))
        .route(host()),
    ).toBe("no_container");
  });
});

describe("a route", () => {
  function route(snapshot: Snapshot, name = host()) {
    const found = snapshot.route(name);
    if (typeof found === "string") {
      throw new Error(found);
    }
    return found;
  }

  test("without any document has no policy", () => {
    expect(route(empty().apply(changes(1n, [project()], [container()]))).policy).toBeNull();
  });

  test("leads to the address, port and scheme", () => {
    const snapshot = empty().apply(changes(1n, [project()], [container({ address: "FD00::1" })]));
    expect(route(snapshot)).toEqual({
      policy: null,
      program: "terminal",
      instance: 1,
      address: { text: "fd00::1", urlHost: "[fd00::1]" },
      port: 76,
      secure: false,
      settings: DEFAULT_SETTINGS,
      hooks: [],
      account: P,
    });
    expect(route(snapshot, host({ program: "https", instance: 76 }))).toMatchObject({
      program: "terminal",
      secure: true,
    });
  });

  test("takes the container's own document before the project's", () => {
    const own = container({ document: OPEN });
    const snapshot = empty().apply(changes(1n, [project({ document: CLOSED })], [own]));
    const inherited = snapshot.apply(changes(2n, [], [container()]));
    expect(route(snapshot).policy).not.toBe(route(inherited).policy);
  });

  test("a broken project document does not close a container with its own", () => {
    const states = changes(1n, [project({ document: BROKEN })], [container({ document: OPEN })]);
    expect(route(empty().apply(states)).policy).not.toBeNull();
  });
});

test("what is stored and cannot be read closes its container, or all that stand under its project", () => {
  const both = [container({ unreadable: true }), container({ id: OTHER, document: OPEN })];
  expect(
    empty()
      .apply(changes(1n, [project()], both))
      .route(host()),
  ).toBe("policy_error");
  const under = changes(1n, [project({ unreadable: true })], [container(), both[1] ?? {}]);
  const snapshot = empty().apply(under);
  expect(snapshot.route(host())).toBe("policy_error");
  expect(snapshot.route(host({ container: OTHER }))).toBeObject();
  const readable = snapshot.apply(changes(2n, [project()], []));
  expect(readable.route(host())).toBeObject();
});

describe("what a later version says", () => {
  /** What a control plane sends of a container; `place` finds the message that gets a field which is not known here. */
  const later = (place: (state: ContainerState) => Message | undefined): Changes => {
    const programs = { http: create(ProgramPortSchema, { port: 80, stride: 0 }) };
    const aliases = [create(AliasStateSchema, { alias: "a", program: "http", enabled: true })];
    const hook = create(HookSchema, { match: { path: "/x" }, timeout: 1_000 });
    const hooks = [create(ServiceHooksStateSchema, { service: "http", hooks: [hook] })];
    const rest = { document: OPEN, programs, aliases, hooks };
    const made = changes(1n, [project()], [container(rest), container({ id: OTHER })]);
    const message = made.containers.flatMap((state) => place(state) ?? [])[0];
    if (message !== undefined) {
      message.$unknown = [{ no: 999, wireType: WireType.Varint, data: new Uint8Array([1]) }];
    }
    return fromBinary(ChangesSchema, toBinary(ChangesSchema, made));
  };

  test.each<[string, (state: ContainerState) => Message | undefined]>([
    ["a container", (state) => (state.id === C ? state : undefined)],
    ["a program's port", (state) => state.programs.http],
    ["an alias", (state) => state.aliases[0]],
    ["a hook", (state) => state.hooks[0]?.hooks[0]],
    ["what a hook matches", (state) => state.hooks[0]?.hooks[0]?.match],
  ])("of %s closes it, and nothing else", (_what, place) => {
    const problems: object[] = [];
    const snapshot = empty(problems).apply(later(place));
    expect(snapshot.route(host())).toBe("policy_error");
    expect(snapshot.route(host({ container: OTHER }))).toBeObject();
    expect(problems).toContainEqual({ container: C });
  });

  test("and that is known here closes nothing", () => {
    expect(
      empty()
        .apply(later(() => undefined))
        .route(host()),
    ).toBeObject();
  });

  test("of a project closes what stands under it", () => {
    const made = changes(1n, [project({ document: OPEN })], [container()]);
    const [state] = made.projects;
    if (state !== undefined) {
      state.$unknown = [{ no: 999, wireType: WireType.Varint, data: new Uint8Array([1]) }];
    }
    const sent = fromBinary(ChangesSchema, toBinary(ChangesSchema, made));
    expect(empty().apply(sent).route(host())).toBe("policy_error");
  });

  test("in a document closes what it guards", () => {
    const made = changes(1n, [project()], [container({ document: OPEN })]);
    const [content] = made.documents;
    if (content !== undefined) content.json = content.json.replace("{", '{"onlyAt":"night",');
    const sent = fromBinary(ChangesSchema, toBinary(ChangesSchema, made));
    expect(empty().apply(sent).route(host())).toBe("policy_error");
  });
});

test("an old snapshot does not see what came later", () => {
  const before = empty().apply(changes(1n, [project()], [container()]));
  const after = before.apply(changes(2n, [], [container({ disabled: true })]));
  expect([typeof before.route(host()), after.route(host())]).toEqual(["object", "disabled"]);
  expect([before.revision, after.revision]).toEqual([1n, 2n]);
});

test("equal documents and port tables exist once, and go with the last that had them", () => {
  const ids = Array.from({ length: 50 }, (_, i) => i.toString(16).padStart(24, "0"));
  const programs = {};
  let snapshot = empty().apply(
    changes(
      1n,
      [project()],
      ids.map((id, i) =>
        container({ id, programs, document: { ...OPEN, container: id, file_version: i + 1 } }),
      ),
    ),
  );
  expect(snapshot.shared).toEqual({ policies: 1, ports: 1 });
  snapshot = snapshot.apply(
    changes(
      2n,
      [],
      ids.map((id) => container({ id, document: CLOSED })),
    ),
  );
  expect(snapshot.shared).toEqual({ policies: 1, ports: 1 });
  snapshot = snapshot.apply(
    changes(
      3n,
      [],
      ids.map((id) => container({ id, deleted: true })),
    ),
  );
  expect(snapshot.shared).toEqual({ policies: 0, ports: 0 });
});

test("all there is takes the place of what was: the rest is gone, what is the same is not compiled again", () => {
  const other = "dddddddddddddddddddddddd";
  const gone = "eeeeeeeeeeeeeeeeeeeeeeee";
  const before = empty().apply(
    changes(
      9n,
      [project(), project({ id: gone })],
      [
        container({ document: OPEN }),
        container({ id: other, document: CLOSED }),
        container({ id: gone, projectId: gone }),
      ],
    ),
  );
  const routeOf = (snapshot: Snapshot, id: string) => snapshot.route(host({ container: id }));
  const policyOf = (snapshot: Snapshot) => {
    const route = routeOf(snapshot, C);
    return typeof route === "string" ? route : route.policy;
  };
  const after = before.replacedBy(changes(2n, [project()], [container({ document: OPEN })]));
  expect(after.revision).toBe(2n);
  expect(policyOf(after)).toBe(policyOf(before) as never);
  expect(routeOf(after, other)).toBe("no_container");
  expect(after.route(host({ project: gone, container: gone }))).toBe("no_container");
  expect(after.shared).toEqual({ policies: 1, ports: 1 });
  // Its project alone, too: what was under it can lead nowhere any more.
  expect(routeOf(after.replacedBy(changes(3n, [], [container()])), C)).toBe("no_container");
});

test("a broken document is reported with its owner, also when it is shared", () => {
  const problems: object[] = [];
  const ids = [C, "dddddddddddddddddddddddd"];
  empty(problems).apply(
    changes(
      1n,
      [project()],
      ids.map((id) => container({ id, document: BROKEN })),
    ),
  );
  expect(problems).toEqual(
    ids.map((id) => ({ container: id, problem: expect.stringContaining("/groups/g") })),
  );
});

describe("of many changes at once, as at a start", () => {
  const ids = Array.from({ length: 1_001 }, (_, i) => i.toString(16).padStart(24, "0"));
  const [first = "", second = ""] = ids;
  const many = (document: JsonObject, problems: object[] = []) =>
    empty(problems).apply(
      changes(
        1n,
        [project()],
        ids.map((id) => container({ id, document })),
      ),
    );

  test("a broken document is reported when it is first asked for, once", () => {
    const problems: object[] = [];
    const snapshot = many(BROKEN, problems);
    expect(problems).toEqual([]);
    for (const id of [first, second, first]) {
      expect(snapshot.route(host({ container: id }))).toBe("policy_error");
    }
    expect(problems).toEqual([{ container: first, problem: expect.stringContaining("/groups/g") }]);
  });

  test("a document is compiled when it is first asked for, and then once", () => {
    const snapshot = many(CLOSED);
    const policies = [first, second, first].map((id) => {
      const route = snapshot.route(host({ container: id }));
      return typeof route === "string" ? route : route.policy;
    });
    expect(policies[0]).toBeObject();
    expect(new Set(policies).size).toBe(1);
  });
});

test("a document whose content did not arrive closes what it guards, until it does", () => {
  const problems: object[] = [];
  const whole = changes(1n, [project()], [container({ document: OPEN })]);
  const without = empty(problems).apply({ ...whole, documents: [] });
  expect(without.route(host())).toBe("policy_error");
  expect(problems).toEqual([{ container: C, problem: "its content is missing" }]);
  const second = container({ id: OTHER, document: OPEN });
  const later = without.apply(changes(2n, [], [second]));
  expect(later.route(host())).toBe("policy_error");
  expect(later.route(host({ container: OTHER }))).toBeObject();
  const repaired = later.apply({ ...whole, revision: 3n });
  expect(repaired.route(host())).toBeObject();
  // What is held already needs no content.
  const third = changes(4n, [], [container({ document: OPEN, disabled: true })]);
  expect(repaired.apply({ ...third, documents: [] }).route(host())).toBe("disabled");
  expect(repaired.shared.policies).toBe(1);
});
