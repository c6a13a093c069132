// What happens beyond a realm's border: everything that could be told apart if the border leaked.
import type { Random } from "../arbitrary/random.ts";
import type { ControlPlane } from "../harness/control-plane.ts";
import { logged } from "../harness/traffic.ts";
import { colors, here, names, nowhere, publicKeys, there } from "./inside.ts";

/** What both universes have: the ids that outside events may hang on to. */
export interface Ground {
  /** Projects in the caller's realm and in no other. */
  readonly projects: readonly string[];
  /** A project outside the caller's realm that has a container in it. */
  readonly straddling: string;
  /** The other user's project outside the caller's realm. */
  readonly foreign: string;
  readonly owner: string;
  readonly other: string;
  readonly otherId: string;
}

/** One thing that happens outside the realm. Refusals do not matter: something else happens then. */
export type Event = (universe: ControlPlane, ground: Ground) => Promise<void>;

const office = { type: "ip", range: "198.51.100.0/24" };

/** Somebody came to this container, and is still there. */
export function visited(universe: ControlPlane, container: string): void {
  universe.exchangeLog.add(nowhere, container, logged());
  universe.connections.add(container);
}

/** An event, drawn once and played in one universe. What it makes is told to `made`. */
export function randomEvent(
  random: Random,
  made: (kind: "projects" | "containers" | "tokens" | "aliases" | "members", id: string) => void,
): Event {
  const outside = random.pick([[], [there]]);
  const name = random.pick(names);
  const color = random.pick(colors);
  const n = random.below(1_000_000);
  const which = random.below(3);
  const post = async (
    universe: ControlPlane,
    as: string,
    path: string,
    body: unknown,
    kind: Parameters<typeof made>[0] | null,
  ) => {
    const seen = await universe.call(as, { method: "POST", path, realm: null, body });
    if (seen.status >= 300 || kind === null) return;
    const { id } = JSON.parse(seen.text).data;
    made(kind, id);
    if (kind === "containers") visited(universe, id);
  };
  const change = async (
    universe: ControlPlane,
    as: string,
    method: string,
    path: string,
    body: unknown,
    version = 0,
  ) => {
    await universe.call(as, { method, path, realm: null, body, ifMatch: `file:v${version}` });
  };
  const events: readonly Event[] = [
    // Others' requests, which end at any time.
    async (universe) => {
      for (let request = 0; request < which * 5; request++) {
        const more = { startedAtMs: n * 10_000_000 + request, path: `/${n}` };
        universe.exchangeLog.add(nowhere, "elsewhere", logged(more));
      }
    },
    (universe, { owner }) =>
      post(universe, owner, "/projects", { alias: name, color, realm_ids: outside }, "projects"),
    (universe, { other }) =>
      post(
        universe,
        other,
        "/projects",
        { alias: `other-${n}`, color, realm_ids: random.pick([[here], outside]) },
        "projects",
      ),
    // A container that the caller does not see, in a project that it sees.
    (universe, { owner, projects }) =>
      post(
        universe,
        owner,
        `/projects/${projects[which % projects.length]}/containers`,
        { name, color, realm_ids: outside },
        "containers",
      ),
    (universe, { owner, straddling }) =>
      post(
        universe,
        owner,
        `/projects/${straddling}/containers`,
        { name, color, realm_ids: outside },
        "containers",
      ),
    (universe, { owner, straddling }) =>
      change(universe, owner, "PATCH", `/projects/${straddling}`, {
        alias: `${name}-${n}`,
        realm_ids: [there],
      }),
    (universe, { owner, straddling }) =>
      change(
        universe,
        owner,
        "PUT",
        `/projects/${straddling}/proxy/permissions`,
        { groups: { office }, permissions: { office: { terminal: true } }, default: "allow" },
        which,
      ),
    (universe, { owner, straddling }) =>
      change(
        universe,
        owner,
        "PATCH",
        `/projects/${straddling}/proxy/permissions/default`,
        { default: random.pick(["allow", "deny"]) },
        which,
      ),
    (universe, { owner, straddling, otherId }) =>
      post(
        universe,
        owner,
        `/projects/${straddling}/permissions`,
        { user_id: otherId, permission_level: "read" },
        "members",
      ),
    (universe, { owner }) =>
      post(
        universe,
        owner,
        "/auth/tokens",
        {
          alias: name,
          realm_ids: outside,
          ...(which === 0 ? { public_key: random.pick(publicKeys), public_storage: { n } } : {}),
        },
        "tokens",
      ),
    async (universe, { owner, straddling }) => {
      const { containers } = await universe.data(owner, {
        method: "GET",
        path: `/projects/${straddling}/containers`,
        realm: null,
      });
      const hidden = containers.find(
        (each: { realm_ids: string[] }) => !each.realm_ids.includes(here),
      );
      if (hidden === undefined) return;
      await post(
        universe,
        owner,
        "/proxy/aliases",
        { container_id: hidden.id, alias: `outside-${n}`, program: "terminal" },
        "aliases",
      );
      await post(universe, owner, `/containers/${hidden.id}/stop`, {}, null);
    },
    (universe, { other, foreign }) =>
      post(
        universe,
        other,
        `/projects/${foreign}/containers`,
        { name, color, realm_ids: outside },
        "containers",
      ),
  ];
  return random.pick(events);
}
