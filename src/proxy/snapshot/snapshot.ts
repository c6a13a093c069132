import type { Changes } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import { eventLoopSlices } from "../../guard/slices.ts";
import type { CompiledPolicy } from "../../policy/compile.ts";
import { finish, type Steps } from "../../policy/steps.ts";
import type { Alias } from "../routing/alias.ts";
import type { DirectHost } from "../routing/host.ts";
import type { ProgramSettings } from "../routing/program-settings.ts";
import type { UpstreamAddress } from "../routing/upstream-address.ts";
import { batchOf, type ChangeBatch } from "./change-batch.ts";
import type { CompiledHook } from "./hook-match.ts";
import type { Interned } from "./intern-table.ts";
import type { LazyPolicy } from "./lazy-policy.ts";
import { SnapshotEdit, type SnapshotOptions } from "./snapshot-edit.ts";
import { emptyTables, type SnapshotTables } from "./snapshot-tables.ts";

/** Where a request leads and what decides about it. */
export interface Route {
  /** Null: no document is in force, everything is open. */
  readonly policy: CompiledPolicy | null;
  /** What the request is decided as: the owner of the port it would reach. */
  readonly program: string;
  readonly instance: number;
  readonly address: UpstreamAddress;
  /** 1..65535, or NO_PORT. */
  readonly port: number;
  /** Whether the upstream speaks HTTPS. */
  readonly secure: boolean;
  readonly settings: ProgramSettings;
  /** Rules that stand before this program, in the order in which they are tried. */
  readonly hooks: readonly CompiledHook[];
  /** The account that owns the project; the project where that is not known. */
  readonly account: string;
}

/** Why there is no route, in the order in which it is asked (README, One request). */
export type RouteRefusal = "no_container" | "disabled" | "policy_error";

/** The document has to be compiled before there is a route. */
export type Uncompiled = "uncompiled";

/** Why a snapshot answers nothing: the control plane has not been heard for too long. */
export type Closed = "stale";

/**
 * So many changes are compiled when they come, so that the first request does not wait and a bad document is told of at once. Of
 * more, as at a start, each is compiled when it is first asked for.
 */
const COMPILED_AT_ONCE_MAX = 1_000;
/** Documents of so many characters are compiled within a request, which takes less than a millisecond; longer ones in slices. */
const COMPILED_AT_ONCE_CHARACTERS = 4_096;

/** Everything the proxy needs to answer, at one revision; immutable. */
export class Snapshot {
  /** The snapshot before the first change. */
  static empty(options: SnapshotOptions): Snapshot {
    return new Snapshot(options, 0n, emptyTables(), null);
  }

  readonly revision: bigint;
  /** Null: it is in force. */
  readonly closed: Closed | null;
  readonly #options: SnapshotOptions;
  readonly #tables: SnapshotTables;

  private constructor(
    options: SnapshotOptions,
    revision: bigint,
    tables: SnapshotTables,
    closed: Closed | null,
  ) {
    this.#options = options;
    this.revision = revision;
    this.#tables = tables;
    this.closed = closed;
  }

  /** How many different documents and port tables it holds. */
  get shared(): { readonly policies: number; readonly ports: number } {
    return { policies: this.#tables.policies.size, ports: this.#tables.ports.size };
  }

  /** Itself, but out of force. */
  closedAs(closed: Closed): Snapshot {
    return new Snapshot(this.#options, this.revision, this.#tables, closed);
  }

  /** Where a short host leads now (Unix milliseconds); null: nowhere. */
  alias(name: string, nowMs: number): Alias | null {
    const alias = this.#tables.aliases.get(name);
    return alias === undefined || nowMs >= alias.untilMs ? null : alias;
  }

  /**
   * Rows 2 and 3 of the decision table and the document that is in force: the container's own, else its project's.
   * A container whose project is not known here is no container: its kill switch can't be read. `waits`: the answer may be that
   * a long document has to be compiled first.
   */
  route(host: DirectHost): Route | RouteRefusal;
  route(host: DirectHost, waits: boolean): Route | RouteRefusal | Uncompiled;
  route(host: DirectHost, waits = false): Route | RouteRefusal | Uncompiled {
    const container = this.#tables.containers.get(host.container);
    const project = this.#tables.projects.get(host.project);
    if (
      container === undefined ||
      project === undefined ||
      container.project !== host.project ||
      container.address === null
    ) {
      return "no_container";
    }
    if (container.disabled || project.disabled) {
      return "disabled";
    }
    const policy =
      container.policy === null
        ? this.#compiled(project.policy, host, PROJECT, waits)
        : this.#compiled(container.policy, host, CONTAINER, waits);
    if (typeof policy === "string") {
      return policy;
    }
    const target = container.ports.value.target(host.program, host.instance);
    return {
      policy,
      program: target.program,
      instance: target.instance,
      address: container.address,
      port: target.port,
      secure: host.program === "https",
      settings: container.ports.value.settings(target.program),
      hooks: container.hooks?.get(target.program) ?? NO_HOOKS,
      account: project.account,
    };
  }

  /** Whether a state names this document. */
  names(digest: string): boolean {
    return this.#tables.policies.has(digest);
  }

  /** The next snapshot; this one stays as it is. Cost grows with what changed, not with what is there. */
  apply(changes: Changes | ChangeBatch): Snapshot {
    return finish(this.applySteps(changes));
  }

  /** `apply` in steps. `hasTime`: once it says no, documents are left to be compiled when they are first needed. */
  applySteps(changes: Changes | ChangeBatch, hasTime: () => boolean = () => true): Steps<Snapshot> {
    const batch = batchOf(changes);
    const isFew = batch.states !== null && batch.states <= COMPILED_AT_ONCE_MAX;
    return this.#edited(batch, false, () => isFew && hasTime());
  }

  /**
   * The next snapshot, of which this is all: what is not in it is gone. Documents that are held already are not compiled again,
   * others when they are first needed: this is a start.
   */
  replacedBy(all: Changes | ChangeBatch): Snapshot {
    return finish(this.replacedBySteps(all));
  }

  /** `replacedBy` in steps. */
  replacedBySteps(all: Changes | ChangeBatch): Steps<Snapshot> {
    return this.#edited(batchOf(all), true, () => false);
  }

  /** The revision is read last: a batch that is being read may not know it before. */
  *#edited(batch: ChangeBatch, isWhole: boolean, compileNow: () => boolean): Steps<Snapshot> {
    const edit = new SnapshotEdit(this.#options, this.#tables, isWhole, compileNow);
    for (const part of batch.parts) yield* edit.part(part);
    const tables = yield* edit.done();
    return new Snapshot(this.#options, batch.revision, tables, null);
  }

  /** Compiles what decides about this host, in slices that take turns with those of other projects. */
  async compile(host: DirectHost): Promise<void> {
    const own = this.#tables.containers.get(host.container)?.policy ?? null;
    const held = own ?? this.#tables.projects.get(host.project)?.policy ?? null;
    if (held === null) return;
    const { project } = host;
    await held.value.compiling(async (steps) => {
      const compiled = await eventLoopSlices.run(steps, { key: project });
      this.#options.policies?.compiled(held.value, project);
      return compiled;
    });
  }

  #compiled(
    held: Interned<LazyPolicy> | null,
    host: DirectHost,
    owner: typeof PROJECT | typeof CONTAINER,
    waits: boolean,
  ): CompiledPolicy | null | "policy_error" | Uncompiled {
    if (held === null) {
      return null;
    }
    const policy = held.value;
    let { compiled } = policy;
    if (compiled === null) {
      if (waits && policy.characters > COMPILED_AT_ONCE_CHARACTERS) return "uncompiled";
      compiled = finish(policy.compiledSteps());
      this.#options.policies?.compiled(policy, host.project);
    }
    if (compiled.ok) {
      return compiled.policy;
    }
    if (!policy.reported) {
      const named = owner === PROJECT ? { project: host.project } : { container: host.container };
      policy.report(this.#options.log, named, compiled.problem);
    }
    return "policy_error";
  }
}

const PROJECT = 1;
const CONTAINER = 2;
const NO_HOOKS: readonly CompiledHook[] = [];
