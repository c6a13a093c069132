// Containers of an installation in several processes: made and written through the API, looked at through the proxies.
import { type Answer, Api } from "./client.ts";
import type { Cluster, Member } from "./cluster.ts";
import { until } from "./until.ts";

export const open = { groups: {}, permissions: {}, default: "allow" };
export const closed = { groups: {}, permissions: {}, default: "deny" };

/** A container whose terminal listens on the upstream. */
export interface ClusterPlace {
  readonly container: string;
  readonly host: string;
  readonly server: string;
}

export class ClusterPlaces {
  readonly #cluster: Cluster;
  readonly #port: number;
  /** Ids by name. */
  readonly servers = new Map<string, string>();
  /** Through `cluster.rest`. */
  api: Api;
  #made = 0;

  private constructor(cluster: Cluster, port: number) {
    this.#cluster = cluster;
    this.#port = port;
    this.api = new Api(cluster.rest);
  }

  /** `port`: of the upstream. */
  static async of(cluster: Cluster, port: number): Promise<ClusterPlaces> {
    const places = new ClusterPlaces(cluster, port);
    await places.comeBack();
    const { servers } = await places.api.data("GET", "/servers");
    for (const { name, id } of servers) places.servers.set(name, id);
    return places;
  }

  /** After a control plane went away: logs in anew. */
  async comeBack(): Promise<void> {
    this.api = await this.asAdmin(this.#cluster.rest);
  }

  /** Once a control plane is there. */
  async asAdmin(rest: string): Promise<Api> {
    const login = () => this.#cluster.login(rest).catch(() => null);
    return new Api(rest, `Bearer ${await until(login, "the login", 30_000)}`);
  }

  /** The first user at each control plane. */
  apis(): Promise<Api[]> {
    return Promise.all(this.#cluster.controls.map(({ said }) => this.asAdmin(said.rest ?? "")));
  }

  /** A name that no project has. */
  alias(): string {
    return `p${++this.#made}`;
  }

  /** A container in a project of its own, or in that one. */
  async make(server: string, { api = this.api, project = "" } = {}): Promise<ClusterPlace> {
    const projectId =
      project || (await api.data("POST", "/projects", { body: { alias: this.alias() } })).id;
    const programs = { terminal: { port: this.#port } };
    const common = { name: `box-${++this.#made}`, address: "127.0.0.1", programs };
    const body = { ...common, server_id: this.servers.get(server) };
    const { id } = await api.data("POST", `/projects/${projectId}/containers`, { body });
    const host = `${projectId}-${id}-terminal-1.${server}.containers.localhost`;
    return { container: id, host, server };
  }

  /** So many in one project, a few at a time. */
  async makeMany(server: string, count: number): Promise<ClusterPlace[]> {
    const { id: project } = await this.api.data("POST", "/projects", {
      body: { alias: this.alias() },
    });
    const made: ClusterPlace[] = [];
    while (made.length < count) {
      const few = Array.from({ length: Math.min(20, count - made.length) }, () =>
        this.make(server, { project }),
      );
      made.push(...(await Promise.all(few)));
    }
    return made;
  }

  /** Replaces the permissions; has to succeed. */
  async write(at: ClusterPlace, document: object, api = this.api): Promise<Answer> {
    const path = permissionsPath(at);
    const { etag } = await api.data("GET", path);
    const headers = { "if-match": etag };
    const answer = await api.call("PATCH", path, { body: document, headers });
    if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
    return answer;
  }

  /** Whether it is enforced everywhere, after so many milliseconds at most. */
  async wait(answer: Answer, api = this.api, waitMs = 10_000): Promise<Answer> {
    const revision = answer.headers.get("x-realmgate-revision");
    return await api.call("GET", `/enforcement?revision=${revision}&wait_ms=${waitMs}`);
  }

  proxiesOf(server: string): Member[] {
    return this.#cluster.proxies.filter(({ said }) => said.server === server);
  }
}

export function permissionsPath({ container }: Pick<ClusterPlace, "container">): string {
  return `/containers/${container}/proxy/permissions`;
}

/** What a proxy answers to a request for the container's terminal. */
export async function statusAt(
  proxy: Member | undefined,
  { host }: Pick<ClusterPlace, "host">,
): Promise<number> {
  const response = await fetch(proxy?.said.proxy ?? "", { headers: { host } });
  await response.body?.cancel();
  return response.status;
}

/** A metric of a process without labels; null: it has none. */
export async function metricOf(member: Member | undefined, name: string): Promise<number | null> {
  const text = await (await fetch(`${member?.said.ops}/metrics`)).text();
  const value = new RegExp(`^${name} (\\S+)`, "m").exec(text)?.[1];
  return value === undefined ? null : Number(value);
}
