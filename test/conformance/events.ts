// What every Store promises of the audit trail.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { ProjectLevel } from "../../proto/gen/realmgate/v1/options_pb.ts";
import { CallEvent, callEvent, type EventDraft } from "../../src/admin/store/call-event.ts";
import {
  EVERY_EVENT,
  type EventViewer,
  type NewEvent,
} from "../../src/admin/store/event-records.ts";
import { eventsCountedMax } from "../../src/admin/store/limits.ts";
import type { Scope } from "../../src/admin/store/records.ts";
import type { Store } from "../../src/admin/store/store.ts";
import type { Open } from "../harness/open-store.ts";
import { A, B, inRealm, nowhere, pageOf, Stage } from "../harness/stage.ts";
import { plainToken } from "../harness/token-bench.ts";

export function eventConformance(name: string, open: Open): void {
  describe(`${name}: events`, () => {
    let stage: Stage;
    let store: Store;
    let ada: Scope;
    let bob: Scope;

    beforeEach(async () => {
      stage = await Stage.open(open);
      ({ store, ada, bob } = stage);
    });

    afterEach(() => stage[Symbol.asyncDispose]());

    const newEvent = (fields: Partial<NewEvent> = {}): NewEvent => ({
      ...{ kind: "project.updated", code: null, attempted: null },
      ...{ actorId: ada.userId, actorName: "ada", tokenId: null, ip: "192.0.2.1" },
      ...{ requestId: "r", realmId: null, resourceKind: null, resourceId: null },
      ...{ fields: ["alias"], versionBefore: null, versionAfter: null },
      ...{ method: "PUT", path: "/api/v1/projects/x", status: 200 },
      ...fields,
    });

    const draft = (fields: Partial<EventDraft> = {}): EventDraft => ({
      ...newEvent(),
      ...{ within: null, takesAway: false },
      ...fields,
    });

    /** Does something as a call that leaves an event. */
    function calling<Result>(fields: Partial<EventDraft>, doing: () => Promise<Result>) {
      return callEvent.run(new CallEvent(draft(fields)), doing);
    }

    async function seen(scope: Scope, more: Partial<EventViewer> = {}, filter = {}) {
      const viewer = { scope, tokenId: null, isOperator: false, ...more };
      const query = pageOf<"created_at">();
      return (await store.events(viewer, { ...EVERY_EVENT, ...query, ...filter })).items;
    }

    test("are written with a write that changes something, and name what it made", async () => {
      const project = await calling({ kind: "project.created", resourceKind: "project" }, () =>
        stage.project(ada, { realmIds: [A] }),
      );
      const [event, ...others] = await seen(ada);
      expect(others).toEqual([]);
      expect(event).toEqual({
        ...newEvent({ kind: "project.created", resourceKind: "project" }),
        id: expect.stringMatching(/^[0-9a-f]{24}$/),
        createdAt: expect.stringMatching(/^2026-/),
        resourceId: project.id,
        projectId: project.id,
        ownerId: ada.userId,
        realmIds: [A],
      });
    });

    test("ask what the account is before each write, and a refusal takes the write back", async () => {
      const standings: unknown[] = [];
      const making = (alias: string, fields: Partial<EventDraft>, refuses: boolean) => {
        const call = new CallEvent(draft(fields), (standing) => {
          standings.push(standing);
          if (refuses) throw new Error("refused");
        });
        return callEvent.run(call, () => stage.project(ada, { alias }));
      };
      await making("one", {}, false);
      expect(await making("two", {}, true).catch(String)).toBe("Error: refused");
      await making("three", { actorId: nowhere }, false);
      await making("four", { actorId: null }, true);
      const now = {
        ...{ isAdmin: false, isBanned: false, sessionGeneration: expect.any(Number) },
        chain: [],
      };
      expect(standings).toEqual([now, now, null]);
      const { items } = await store.projects(ada, pageOf());
      expect(items.map(({ alias }) => alias)).toEqual(["one", "three", "four"]);
      expect(await seen(ada)).toHaveLength(1);
    });

    test("ask what the call's token and those above it are before each write", async () => {
      const chains: string[][] = [];
      const writer = { ...ada, madeFrom: null };
      const make = async (createdByTokenId: string | null) => {
        const secretHash = randomBytes(32);
        const fields = { ...plainToken, createdByTokenId, secretHash };
        const made = await store.createToken(writer, { ...fields, alias: `${createdByTokenId}` });
        if (typeof made === "string") throw new Error(made);
        return made.id;
      };
      const parent = await make(null);
      const child = await make(parent);
      const making = (alias: string) => {
        const call = new CallEvent(draft({ tokenId: child }), (standing) => {
          chains.push((standing?.chain ?? []).map(({ id, isEnabled }) => `${id} ${isEnabled}`));
        });
        return callEvent.run(call, () => stage.project(ada, { alias }));
      };
      await making("one");
      await store.updateToken(writer, parent, () => ({ isEnabled: false }));
      await making("two");
      await store.deleteToken(writer, child);
      await making("three");
      expect(chains).toEqual([
        [`${child} true`, `${parent} true`],
        [`${child} true`, `${parent} false`],
        [],
      ]);
    });

    test("are not written where nothing changes, nor where the write fails", async () => {
      const { id } = await stage.project(ada);
      const resource = { kind: "project", id } as const;
      const of = { resourceKind: "project", resourceId: id, within: resource } as const;
      await calling(of, () => store.updateProject(bob, id, { alias: "other" }));
      await calling(of, () => store.deleteToken({ ...ada, madeFrom: null }, nowhere));
      const key = { kind: "project", id } as const;
      const write = { projectVersion: null, enableProxy: true, body: "{}", hooks: null };
      await calling(of, () => store.putDocument(ada, key, { ...write, expected: 4 }));
      expect(await seen(ada)).toEqual([]);
      await calling(of, () => store.putDocument(ada, key, { ...write, expected: 0 }));
      expect(await seen(ada)).toMatchObject([{ versionBefore: 0, versionAfter: 1 }]);
    });

    test("are one for a call, however many writes it has", async () => {
      const { id } = await stage.project(ada);
      const of = { resourceKind: "project", resourceId: id } as const;
      await calling(of, async () => {
        await store.updateProject(ada, id, { alias: "one" });
        await store.updateProject(ada, id, { alias: "two" });
      });
      expect(await seen(ada)).toHaveLength(1);
    });

    test("of calls that run at the same time are told apart", async () => {
      const made = await Promise.all(
        Array.from({ length: 20 }, (_, n) =>
          calling({ requestId: `r${n}`, resourceKind: "project" }, () =>
            stage.project(ada, { alias: `p${n}` }),
          ),
        ),
      );
      const ids = new Map((await seen(ada)).map((each) => [each.requestId, each.resourceId]));
      expect(made.map((_, n) => ids.get(`r${n}`))).toEqual(made.map(({ id }) => id));
    });

    test("of what is deleted count where it was", async () => {
      const { id } = await stage.project(ada, { realmIds: [A] });
      await stage.member(ada, id, bob.userId, ProjectLevel.READ);
      const resource = { kind: "project", id } as const;
      const of = { resourceKind: "project", resourceId: id, within: resource } as const;
      await calling({ ...of, takesAway: true }, () => store.deleteProject(ada, id));
      expect(await seen(inRealm(ada, A))).toHaveLength(1);
      expect(await seen(inRealm(ada, B))).toEqual([]);
      // Its members are none any more.
      expect(await seen(bob)).toEqual([]);
    });

    test("are seen by owners and members, in the realms that it is in", async () => {
      const { id } = await stage.project(ada, { realmIds: [A] });
      const box = await stage.container(ada, id, { realmIds: [B] });
      for (const [resourceKind, resourceId] of [
        ["project", id],
        ["container", box.id],
      ] as const) {
        await store.recordEvent(newEvent({ resourceKind, resourceId }));
      }
      const about = async (scope: Scope) => (await seen(scope)).map((each) => each.resourceId);
      expect(await about(ada)).toEqual([id, box.id]);
      expect(await about(inRealm(ada, A))).toEqual([id]);
      expect(await about(inRealm(ada, B))).toEqual([box.id]);
      expect(await about(bob)).toEqual([]);
      await stage.member(ada, id, bob.userId, ProjectLevel.READ);
      expect(await about(bob)).toEqual([id, box.id]);
      expect(await about({ ...bob, level: ProjectLevel.EDIT })).toEqual([]);
    });

    test("of refusals are in no realm but that of the call", async () => {
      const { id } = await stage.project(ada, { realmIds: [A, B] });
      const refusal = { code: "X", realmId: B, resourceKind: "project", resourceId: id } as const;
      await store.recordEvent(newEvent(refusal));
      expect(await seen(inRealm(ada, A))).toEqual([]);
      expect(await seen(inRealm(ada, B))).toHaveLength(1);
    });

    test("of accounts are seen by the account, by the token that did it, and by operators", async () => {
      const of = { resourceKind: "user", resourceId: ada.userId, actorId: null } as const;
      await store.recordEvent(newEvent(of));
      await store.recordEvent(newEvent({ tokenId: "t", kind: "auth.token.created" }));
      expect(await seen(ada)).toHaveLength(2);
      expect(await seen(ada, { tokenId: "t" })).toMatchObject([{ tokenId: "t" }]);
      expect(await seen(ada, { tokenId: "u" })).toEqual([]);
      expect(await seen(bob)).toEqual([]);
      expect(await seen(bob, { isOperator: true })).toHaveLength(2);
      expect(await seen(inRealm(bob, A), { isOperator: true })).toEqual([]);
      const { id } = await stage.project(ada);
      await store.recordEvent(newEvent({ resourceKind: "project", resourceId: id }));
      expect(await seen(bob, { isOperator: true })).toHaveLength(2);
    });

    test("are found by kind, actor, resource, project and time, and counted", async () => {
      const { id } = await stage.project(ada);
      const at = stage.nextTime;
      for (const kind of ["proxy.alias.created", "proxy.alias", "proxy.aliases", "user.updated"]) {
        await store.recordEvent(newEvent({ kind, resourceKind: "project", resourceId: id }));
      }
      const kinds = async (filter: object) => (await seen(ada, {}, filter)).map(({ kind }) => kind);
      expect(await kinds({ kinds: ["proxy.alias"] })).toEqual([
        "proxy.alias.created",
        "proxy.alias",
      ]);
      for (const field of ["resourceId", "projectId"]) {
        expect(await kinds({ [field]: id })).toHaveLength(4);
        expect(await kinds({ [field]: nowhere })).toEqual([]);
      }
      expect(await kinds({ actorId: bob.userId })).toEqual([]);
      expect(await kinds({ until: at })).toEqual([]);
      expect(await kinds({ since: at })).toHaveLength(4);
      expect(await kinds({ isActivity: true })).toHaveLength(4);
      const viewer = { scope: ada, tokenId: null, isOperator: false };
      const counts = await store.eventCounts(viewer, { ...EVERY_EVENT, kinds: ["proxy"] });
      expect(Object.fromEntries(counts.counts.map(({ kind, n }) => [kind, n]))).toEqual({
        "proxy.alias.created": 1,
        "proxy.alias": 1,
        "proxy.aliases": 1,
      });
      const [first] = await seen(ada);
      expect(await store.event(viewer, first?.id ?? "")).toEqual(first ?? null);
      expect(await store.event({ ...viewer, scope: bob }, first?.id ?? "")).toBeNull();
    });

    test("leave when they are old, and not before", async () => {
      await store.recordEvent(newEvent({ requestId: "old" }));
      const at = stage.nextTime;
      await store.recordEvent(newEvent({ requestId: "young" }));
      expect(await store.purgeEvents(at)).toBe(1);
      expect(await seen(ada)).toMatchObject([{ requestId: "young" }]);
      expect(await store.purgeEvents(at)).toBe(0);
    });

    test("about one account's things are so many at most: a flood pushes out no deed but its own", async () => {
      const { id } = await stage.project(ada);
      const { id: elsewhere } = await stage.project(bob);
      const did = async (who: Scope | null, kind: string, resourceId: string | null, times = 1) => {
        for (let n = 0; n < times; n++) {
          const actorId = who?.userId ?? null;
          const resourceKind = resourceId === null ? null : ("project" as const);
          await store.recordEvent(
            newEvent({ actorId, kind, resourceKind, resourceId, requestId: `${kind} ${n}` }),
          );
        }
      };
      await did(bob, "container.deleted", id);
      await did(ada, "project.updated", id);
      await did(bob, "proxy.alias.created", id, 6);
      await did(bob, "proxy.alias.created", elsewhere, 6);
      await did(null, "auth.login.failed", null, 6);
      expect(await store.trimEvents(8)).toBe(0);
      expect(await store.trimEvents(4)).toBe(8);
      expect(await store.trimEvents(4)).toBe(0);
      const left = async (scope: Scope, isOperator = false) =>
        (await seen(scope, { isOperator })).map(({ requestId }) => requestId);
      expect(await left(ada)).toEqual([
        "container.deleted 0",
        "project.updated 0",
        "proxy.alias.created 4",
        "proxy.alias.created 5",
      ]);
      expect(await left(bob)).toEqual([2, 3, 4, 5].map((n) => `proxy.alias.created ${n}`));
      expect((await left(ada, true)).filter((each) => each?.startsWith("auth"))).toEqual(
        [2, 3, 4, 5].map((n) => `auth.login.failed ${n}`),
      );
    });

    test("are counted up to a limit", async () => {
      const viewer = { scope: ada, tokenId: null, isOperator: false };
      // As many at a time as a store writes within the time that one may wait.
      const at = 100;
      for (let made = 0; made <= eventsCountedMax; made += at) {
        await Promise.all(Array.from({ length: at }, () => store.recordEvent(newEvent())));
      }
      const page = { ...EVERY_EVENT, ...pageOf<"created_at">({ limit: 1 }) };
      expect((await store.events(viewer, page)).total).toBe(eventsCountedMax);
      const counts = await store.eventCounts(viewer, EVERY_EVENT);
      expect(counts.counts).toEqual([
        { kind: "project.updated", resourceKind: null, n: eventsCountedMax },
      ]);
    }, 120_000);
  });
}
