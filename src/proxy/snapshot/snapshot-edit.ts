// One step from a snapshot's tables to the next: states that arrive become entries, and equal documents and port tables are shared.
import type { ContainerState, ProjectState } from "../../../proto/gen/realmgate/v1/feed_pb.ts";
import type { Log } from "../../log.ts";
import type { RecentPolicies } from "../../policy/recent-policies.ts";
import type { Steps } from "../../policy/steps.ts";
import { type Alias, aliasOf } from "../routing/alias.ts";
import { ProgramPorts } from "../routing/program-ports.ts";
import { parseUpstreamAddress, type UpstreamAddress } from "../routing/upstream-address.ts";
import type { ChangePart } from "./change-batch.ts";
import { compileHooks } from "./hook-match.ts";
import type { InternEdit, Interned } from "./intern-table.ts";
import { LazyPolicy, type Owner } from "./lazy-policy.ts";
import { PersistentMap, type PersistentMapEdit } from "./persistent-map.ts";
import type { PolicyCache } from "./policy-cache.ts";
import { ShardedMap } from "./sharded-map.ts";
import type { Container, Project, SnapshotTables } from "./snapshot-tables.ts";
import { hasUnknownFields } from "./unknown-fields.ts";

/** What a snapshot is made for. */
export interface SnapshotOptions {
  readonly serverName: string;
  /** Default port of each kit program. */
  readonly programPorts: Readonly<Record<string, number>>;
  /** Whether a container may live at this address (canonical text). */
  readonly mayDial: (address: string) => boolean;
  /** Bounds how many compiled policies are kept; unset: all are. */
  readonly policies?: PolicyCache;
  /** Policies that this process compiled a moment ago; unset: there are none. */
  readonly recentPolicies?: Pick<RecentPolicies, "take"> | null;
  readonly log: Log;
}

/** Keys of documents that have no content; no digest looks like this. */
const UNREADABLE_KEY = "unreadable";
const MISSING_KEY = "missing";

/**
 * Collects changes to the tables of one snapshot, which stay as they are; `done` makes the next ones. No step takes long, however
 * large the tables and the changes are.
 */
export class SnapshotEdit {
  readonly #options: SnapshotOptions;
  readonly #before: SnapshotTables;
  readonly #isWhole: boolean;
  readonly #compileNow: () => boolean;
  readonly #contents = new ShardedMap<string>();
  readonly #projects: PersistentMapEdit<Project>;
  readonly #containers: PersistentMapEdit<Container>;
  readonly #policies: InternEdit<LazyPolicy>;
  readonly #ports: InternEdit<ProgramPorts>;
  /** In a whole: keys of what came, was released and is gone again. */
  readonly #settled = new ShardedMap<true>();
  /** Names that changed containers had, and those that they have now by container. */
  readonly #aliasesBefore: string[] = [];
  readonly #aliases = PersistentMap.empty<readonly Alias[]>().edit();

  /**
   * `isWhole`: nothing of what was before is left unless it comes again. `compileNow`: compile each document as it arrives
   * (true), not when it is first needed.
   */
  constructor(
    options: SnapshotOptions,
    before: SnapshotTables,
    isWhole: boolean,
    compileNow: () => boolean,
  ) {
    this.#options = options;
    this.#before = before;
    this.#isWhole = isWhole;
    this.#compileNow = compileNow;
    this.#projects = (isWhole ? before.projects.emptied() : before.projects).edit();
    this.#containers = (isWhole ? before.containers.emptied() : before.containers).edit();
    this.#policies = before.policies.edit();
    this.#ports = before.ports.edit();
  }

  /** Documents come before the states that name them. */
  *part({ projects, containers, documents }: ChangePart): Steps<void> {
    yield 1;
    for (const { digest, json } of documents) {
      this.#contents.set(digest, json);
      yield 1;
    }
    for (const state of projects) {
      yield* this.#projectState(state);
      yield 1;
    }
    for (const state of containers) {
      yield* this.#containerState(state);
      yield 1;
    }
  }

  *done(): Steps<SnapshotTables> {
    if (this.#isWhole) yield* this.#releaseGone();
    return {
      projects: this.#projects.done(),
      containers: this.#containers.done(),
      aliases: yield* this.#aliasesDone(),
      policies: yield* this.#policies.doneSteps(),
      ports: yield* this.#ports.doneSteps(),
    };
  }

  *#projectState(state: ProjectState): Steps<void> {
    const before = this.#projects.get(state.id) ?? this.#gone(this.#before.projects, state.id);
    // The new document is held before the old one is released: the same one is not compiled again.
    if (state.deleted) this.#delete(this.#projects, state.id);
    else this.#projects.set(state.id, yield* this.#project(state));
    if (before !== undefined) this.#released(before);
  }

  *#containerState(state: ContainerState): Steps<void> {
    const { id } = state;
    const was = this.#before.containers.get(id);
    const before = this.#containers.get(id) ?? this.#gone(this.#before.containers, id);
    // Containers of other servers are not held: nothing leads to them from here.
    if (state.deleted || state.serverName !== this.#options.serverName) {
      this.#delete(this.#containers, id);
      this.#aliases.delete(id);
    } else {
      const after = yield* this.#container(state);
      this.#containers.set(id, after);
      if (after.aliases.length > 0) this.#aliases.set(id, after.aliases);
      else this.#aliases.delete(id);
    }
    if (!this.#isWhole) this.#namesGone(was);
    if (before !== undefined) this.#released(before);
  }

  /** In a whole: what was there before, unless that was released when its state came. */
  #gone<Entry>(before: PersistentMap<Entry>, id: string): Entry | undefined {
    return this.#isWhole && !this.#settled.has(id) ? before.get(id) : undefined;
  }

  #delete(entries: PersistentMapEdit<Project> | PersistentMapEdit<Container>, id: string): void {
    entries.delete(id);
    if (this.#isWhole) this.#settled.set(id, true);
  }

  #namesGone(container: Container | undefined): void {
    for (const { name } of container?.aliases ?? NO_ALIASES) this.#aliasesBefore.push(name);
  }

  #released(entry: Project | Container): void {
    if (entry.policy !== null) this.#policies.release(entry.policy);
    if ("ports" in entry) this.#ports.release(entry.ports);
  }

  /** What did not come again. */
  *#releaseGone(): Steps<void> {
    for (const [id, project] of this.#before.projects.entries()) {
      if (this.#projects.get(id) === undefined && !this.#settled.has(id)) this.#released(project);
      yield 1;
    }
    for (const [id, container] of this.#before.containers.entries()) {
      if (this.#containers.get(id) === undefined && !this.#settled.has(id)) {
        this.#released(container);
      }
      yield 1;
    }
  }

  /** Names that changed containers had are removed before those they have are set: a name may move from one to the other. */
  *#aliasesDone(): Steps<PersistentMap<Alias>> {
    const { aliases } = this.#before;
    const edit = (this.#isWhole ? aliases.emptied() : aliases).edit();
    for (const name of this.#aliasesBefore) {
      edit.delete(name);
      yield 1;
    }
    for (const [, each] of this.#aliases.done().entries()) {
      for (const alias of each) edit.set(alias.name, alias);
      yield 1;
    }
    return edit.done();
  }

  *#project(state: ProjectState): Steps<Project> {
    return {
      id: state.id,
      account: state.account || state.id,
      disabled: state.disabled,
      policy: yield* this.#policy(state, { project: state.id }, state.id),
    };
  }

  *#container(state: ContainerState): Steps<Container> {
    const { programPorts } = this.#options;
    return {
      project: this.#projects.get(state.projectId)?.id ?? state.projectId,
      aliases: aliasesOf(state),
      address: state.running ? this.#address(state) : null,
      disabled: state.disabled,
      policy: yield* this.#policy(state, { container: state.id }, state.projectId),
      ports: this.#ports.acquire(
        portsKey(state.programs),
        () => new ProgramPorts(state.programs, programPorts),
      ),
      hooks: compileHooks(state.hooks),
    };
  }

  #address(state: ContainerState): UpstreamAddress | null {
    if (state.address === undefined || state.address === "") {
      return null;
    }
    const address = parseUpstreamAddress(state.address);
    if (address === null || !this.#options.mayDial(address.text)) {
      this.#options.log.error(
        { container: state.id, address: state.address },
        "container has an address that must not be dialled; it is closed",
      );
      return null;
    }
    return address;
  }

  *#policy(
    state: ProjectState | ContainerState,
    owner: Owner,
    project: string,
  ): Steps<Interned<LazyPolicy> | null> {
    yield 1;
    const { documentDigest } = state;
    const isLater = hasUnknownFields(state);
    if (isLater) {
      const message = "the control plane says more of it than this version knows; it is closed";
      this.#options.log.error({ ...owner }, message);
    }
    const unreadable = state.unreadable || isLater;
    if (documentDigest === undefined && !unreadable) {
      return null;
    }
    const held =
      documentDigest === undefined || unreadable
        ? this.#policies.acquire(UNREADABLE_KEY, LazyPolicy.unreadable)
        : this.#stored(documentDigest, project);
    if (!this.#compileNow()) return held;
    const isNew = !held.value.isCompiled;
    const compiled = yield* held.value.compiledSteps();
    if (isNew) this.#options.policies?.compiled(held.value, project);
    if (!compiled.ok) {
      held.value.report(this.#options.log, owner, compiled.problem);
    }
    return held;
  }

  /** Under a key of its own when its content is missing: once that arrives, the digest has to find it. */
  #stored(digest: string, project: string): Interned<LazyPolicy> {
    const content = this.#contents.get(digest);
    if (content === undefined && !this.#policies.has(digest)) {
      return this.#policies.acquire(MISSING_KEY, LazyPolicy.missing);
    }
    return this.#policies.acquire(digest, () => {
      const policy = this.#options.recentPolicies?.take(digest) ?? null;
      const lazy = LazyPolicy.of(content ?? "", policy);
      if (policy !== null) this.#options.policies?.compiled(lazy, project);
      return lazy;
    });
  }
}

const NO_ALIASES: readonly Alias[] = [];

function aliasesOf({ projectId, id, aliases }: ContainerState): readonly Alias[] {
  if (aliases.length === 0) {
    return NO_ALIASES;
  }
  return aliases.map((state) => aliasOf(state, projectId, id)).filter((alias) => alias !== null);
}

function portsKey(programs: ContainerState["programs"]): string {
  const entries = Object.entries(programs).map(
    ([name, { port, stride, host, responseTimeoutS, protocol }]) =>
      `${JSON.stringify(name)}:${port}:${stride}:${JSON.stringify(host ?? "")}:${responseTimeoutS ?? ""}:${JSON.stringify(protocol ?? "")}`,
  );
  return entries.sort().join(",");
}
