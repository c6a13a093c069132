// What a dry run and the access matrix say is open to whom is what the compiled policies decide, on random documents.
import { expect, test } from "bun:test";
import { fromJson, type JsonValue, toJsonString } from "@bufbuild/protobuf";
import {
  type PermissionDocument,
  PermissionDocumentSchema,
} from "../../proto/gen/realmgate/v1/permissions_pb.ts";
import { accessMatrix } from "../../src/admin/containers/access-matrix.ts";
import { previewOf } from "../../src/admin/documents/document-preview.ts";
import type { DocumentState } from "../../src/admin/store/records.ts";
import { setOf } from "../../src/policy/bitset.ts";
import { type CompiledPolicy, compile } from "../../src/policy/compile.ts";
import { decide } from "../../src/policy/decide.ts";
import { parseDocument } from "../../src/policy/document.ts";
import { programs, randomDocument } from "../arbitrary/document.ts";
import { type Random, randomFrom } from "../arbitrary/random.ts";
import type { DocumentJson } from "../reference/decision.ts";

const runs = 700;
const seed = Number(process.env.REALMGATE_TEST_SEED ?? Date.now() % 2 ** 31);
const instances = [1, 2, 3, 4, 5, 6, 7, 8, 100, 65534, 65535];
/** In no random document. */
const unnamed = "cron";

interface Stored {
  readonly state: DocumentState;
  readonly policy: CompiledPolicy | null;
  readonly document: DocumentJson | null;
}

function stored(document: DocumentJson | null): Stored {
  const nothing = { version: 3, enableProxy: true, hooks: null };
  if (document === null) return { state: { ...nothing, body: null }, policy: null, document };
  const message: PermissionDocument = fromJson(
    PermissionDocumentSchema,
    document as unknown as JsonValue,
  );
  const parsed = parseDocument(message);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.violations));
  const body = toJsonString(PermissionDocumentSchema, parsed.normal);
  return { state: { ...nothing, body }, policy: compile(parsed.document), document };
}

/** A document, or one that differs from another in a little. */
function randomNext(random: Random, before: DocumentJson | null): DocumentJson | null {
  if (random.chance(0.1)) return null;
  const other = randomDocument(random);
  if (before === null || random.chance(0.4)) return other;
  const next: DocumentJson = structuredClone(before);
  const [name] = Object.keys(next.groups);
  if (name !== undefined && random.chance(0.3)) delete next.permissions[name];
  if (name !== undefined && random.chance(0.2)) {
    const group = next.groups[name];
    if (group !== undefined) group.enabled = random.chance(0.5);
  }
  if (random.chance(0.3)) next.default = random.pick(["allow", "deny"]);
  if (random.chance(0.2)) next.combine = random.pick(["any", "all"]);
  return next;
}

/** Whether the compiled policy lets requests through that match these groups, as far as they can be matched. */
function allows(
  { policy, document }: Stored,
  names: readonly string[],
  program: string,
  instance: number,
): boolean {
  if (policy === null) return true;
  const matched = names
    .filter((name) => document?.groups[name]?.enabled !== false)
    .map((name) => policy.groupNames.indexOf(name))
    .filter((group) => group >= 0);
  const groups = setOf(policy.groupNames.length, matched);
  const identity = {
    groups,
    presented: true,
    wrong: false,
    untimely: false,
    consumedCredentials: [],
    unverifiedSources: [],
    validUntilS: Number.POSITIVE_INFINITY,
    subject: null,
  };
  return decide(policy, identity, program, instance).allow;
}

/** Whether `all`, `none` or `1-3,8080` has the instance. */
function holds(text: string, instance: number): boolean {
  if (text === "all" || text === "none") return text === "all";
  return text.split(",").some((part) => {
    const [first = "", last = first] = part.split("-");
    return Number(first) <= instance && instance <= Number(last);
  });
}

/** Asked millions of times: an assertion is made only of what differs. */
function agree(told: unknown, decided: unknown, where: object): void {
  if (!Bun.deepEquals(told, decided))
    expect({ ...where, told }).toEqual({ ...where, told: decided });
}

function namesOf(...all: readonly Stored[]): string[] {
  return [...new Set(all.flatMap(({ document }) => Object.keys(document?.groups ?? {})))];
}

test(`a preview tells exactly what opens and closes (seed ${seed})`, () => {
  const random = randomFrom(seed);
  const effects = new Map<string, number>();
  for (let run = 0; run < runs; run++) {
    const kind = random.pick(["project", "container"] as const);
    const project = stored(random.chance(0.5) ? randomDocument(random) : null);
    const own = stored(randomNext(random, null));
    const next = stored(randomNext(random, own.document));
    const [was, is] =
      kind === "project"
        ? [own, next]
        : ([own, next].map((each) => (each.policy === null ? project : each)) as [Stored, Stored]);
    const told = previewOf({
      kind,
      before: own.state,
      after: next.state,
      project: project.state,
      followers: { containers: 7, following: 5 },
    });
    expect(told.accessTotal).toBe(told.access.length);
    const names = namesOf(was, is);
    const combinesAll = was.document?.combine === "all" || is.document?.combine === "all";
    const whos: [who: string, group: string | undefined, matching: readonly string[]][] = [
      ...names.map((name): [string, string, string[]] => ["group", name, [name]]),
      ["no_group", undefined, []],
      ...(combinesAll ? ([["every_group", undefined, names]] as const) : []),
    ] as [string, string | undefined, readonly string[]][];
    let changed = false;
    for (const [who, group, matching] of whos) {
      const rows = told.access.filter((row) => row.who === who && row.group === group);
      const byProgram = new Map(rows.map((row) => [row.program, row]));
      expect(byProgram.size).toBe(rows.length);
      for (const program of [...programs, unnamed]) {
        for (const instance of instances) {
          const before = allows(was, matching, program, instance);
          const after = allows(is, matching, program, instance);
          // `*` holds for what neither document names for them: of the others each has its own row.
          const named = isNamed(was, matching, program) || isNamed(is, matching, program);
          const row = byProgram.get(program) ?? (named ? undefined : byProgram.get("*"));
          changed ||= before !== after;
          const where = { seed, run, who, group, program, instance };
          const said =
            row === undefined
              ? [before, before]
              : [holds(row.before, instance), holds(row.after, instance)];
          agree(said, [before, after], where);
        }
      }
      for (const { effect } of rows) effects.set(effect, (effects.get(effect) ?? 0) + 1);
    }
    if (told.access.length === 0) {
      expect({ seed, run, changed }).toEqual({ seed, run, changed: false });
    } else {
      expect(told.containersAffected).toBe(kind === "project" ? 5 : 1);
    }
    expect(told.beginsEffect).toBe(own.policy === null && next.policy !== null);
    expect(told.endsEffect).toBe(own.policy !== null && next.policy === null);
  }
  for (const effect of ["opens", "closes", "changes"]) {
    expect(effects.get(effect) ?? 0).toBeGreaterThan(30);
  }
}, 60_000);

/** Whether somebody whose requests match these groups, where that counts, has a word said on the program. */
function isNamed({ document }: Stored, names: readonly string[], program: string): boolean {
  const spellings: Readonly<Record<string, readonly string[]>> = {
    sqlite: ["sqlite", "kv", "db"],
    agent: ["agent", "workspace", "workspaces"],
    logs: ["logs", "proxy-logs"],
    https: ["https", "http"],
  };
  return names.some((name) =>
    (spellings[program] ?? [program]).some((key) =>
      Object.hasOwn(document?.permissions[name] ?? {}, key),
    ),
  );
}

test(`the access matrix tells exactly what is open (seed ${seed})`, () => {
  const random = randomFrom(seed);
  for (let run = 0; run < runs; run++) {
    const own = stored(random.chance(0.7) ? randomDocument(random) : null);
    const project = stored(random.chance(0.5) ? randomDocument(random) : null);
    const inForce = own.policy === null ? project : own;
    const container = {
      projectId: "",
      serverName: "local",
      status: "running",
      address: "10.0.0.1",
      programs: {},
      aliases: [],
      ...own.state,
    };
    const matrix = accessMatrix({ container, own: own.state }, project.state, () => true);
    const names = namesOf(inForce);
    expect(matrix.groups.map(({ name }) => name)).toEqual(names);
    expect(matrix.closedBy).toBeUndefined();
    const combinesAll = inForce.document?.combine === "all";
    expect(matrix.everyGroup !== undefined).toBe(combinesAll);
    for (const program of [...programs, unnamed]) {
      for (const instance of instances) {
        const where = { seed, run, program, instance };
        const nobody = allows(inForce, [], program, instance);
        agree(matrix.noGroup === "all", nobody, where);
        if (combinesAll && names.length > 0 && matrix.everyGroup?.enabled) {
          const every = holds(matrix.everyGroup.access[program] ?? "none", instance);
          agree(every, allows(inForce, names, program, instance), where);
        }
        for (const { name, enabled, access } of combinesAll ? [] : matrix.groups) {
          const granted = enabled ? holds(access[program] ?? "none", instance) : nobody;
          agree(granted, allows(inForce, [name], program, instance), { ...where, name });
          agree(access[program] === undefined || matrix.programs.includes(program), true, where);
        }
      }
    }
  }
}, 60_000);
