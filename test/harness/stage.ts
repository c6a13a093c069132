// A store with two users in it, and what conformance suites make there.
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import type { PageQuery } from "../../src/admin/store/paging.ts";
import type {
  Member,
  NewContainer,
  NewProject,
  Scope,
  StoredContainer,
  StoredProject,
} from "../../src/admin/store/records.ts";
import { type Open, type OpenedStage, openStage, StoreStage } from "./open-store.ts";

export const A = "a".repeat(24);
export const B = "b".repeat(24);
export const C = "c".repeat(24);
export const nowhere = "0".repeat(24);

/** Everything of an unconfined user on the unscoped host. */
export function scopeOf(userId: string, level: ProjectLevel = ProjectLevel.READ): Scope {
  return { userId, realmId: null, realms: [], confinedTo: null, level };
}

/** The same on a realm's host. */
export function inRealm(scope: Scope, realmId: string): Scope {
  return { ...scope, realmId, realms: [realmId] };
}

/** The same of a caller that is confined to realms, on the first one's host. */
export function confined(scope: Scope, realmId: string, ...others: string[]): Scope {
  return { ...inRealm(scope, realmId), confinedTo: [realmId, ...others] };
}

export function pageOf<Column extends string = never>(
  fields: Partial<PageQuery<Column | "created_at">> = {},
): PageQuery<Column | "created_at"> {
  return { page: 1, limit: 100, sortBy: "created_at", sortOrder: "asc", ...fields };
}

export class Stage extends StoreStage {
  readonly serverId: string;
  readonly ada: Scope;
  readonly bob: Scope;

  private constructor(stage: OpenedStage, serverId: string) {
    super(stage);
    this.serverId = serverId;
    [this.ada, this.bob] = [scopeOf(stage.users[0]), scopeOf(stage.users[1])];
  }

  /** `tick`: by how many milliseconds each look at the clock moves it. */
  static async open(open: Open, tick = 1): Promise<Stage> {
    const stage = await openStage(open, tick);
    return new Stage(stage, (await stage.opened.store.registerServer("local")).id);
  }

  /** What the next write will have for its time. */
  get nextTime(): string {
    return new Date(this.clock.now).toISOString();
  }

  async project(scope: Scope, fields: Partial<NewProject> = {}): Promise<StoredProject> {
    const common = { alias: "p", color: "#000", maxContainers: null, realmIds: [] };
    const made = await this.store.createProject(scope, { ...common, ...fields });
    if (made === "duplicate") throw new Error("the alias is taken");
    return made.project;
  }

  async container(
    scope: Scope,
    projectId: string,
    fields: Partial<NewContainer> = {},
  ): Promise<StoredContainer> {
    const { serverId } = this;
    const common = { name: "box", color: "#000", comment: null, address: null, realmIds: [] };
    const place = { projectId, serverId, programs: {} };
    const made = await this.store.createContainer(scope, { ...common, ...place, ...fields });
    if (typeof made === "string") throw new Error(made);
    return made.container;
  }

  /** Lets a user into a project. */
  async member(scope: Scope, projectId: string, userId: string, level: ProjectLevel) {
    const made = await this.store.addMember(scope, projectId, { userId, level });
    if (made === null || typeof made === "string") throw new Error(`${made}`);
    return made satisfies Member;
  }

  /** The revisions that are told while something is done. */
  async toldWhile(doing: () => Promise<unknown>): Promise<number[]> {
    const told: number[] = [];
    const stop = this.store.onCommit((revision) => told.push(revision));
    await doing();
    stop();
    return told;
  }

  async revision(): Promise<number> {
    return (await this.store.changesAfter(0)).revision;
  }
}
