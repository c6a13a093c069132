// URL of a program: `{project}-{container}-{slug}-{n}.{server}.{containers domain}`.
import { isAddress, realmIdPattern, realmOf } from "./api-host.ts";

/** What identifies a container in a URL. */
export interface ContainerPlace {
  readonly id: string;
  readonly project_id: string;
  /** The server's name, not its id. */
  readonly server: string;
}

interface Instances {
  readonly slug: string;
  readonly usual: number;
  readonly min: number;
  readonly max: number;
}

const kitMax = 9_999;
const portMax = 65_535;

/** Programs that are not `{name}-{n}`: named by port, or with a name too long for a DNS label. */
const special: ReadonlyMap<string, Instances> = new Map([
  ["http", { slug: "http", usual: 80, min: 1, max: portMax }],
  ["https", { slug: "https", usual: 443, min: 1, max: portMax }],
  ["ssh", { slug: "ssh", usual: 22, min: 22, max: 22 }],
  ...["notifications", "notification-server"].map((name) => [name, kit("n")] as const),
  ...["workspaces", "workspace"].map((name) => [name, kit("agent")] as const),
  ["hoody-daemon", kit("daemon")],
  ["proxy-logs", kit("logs")],
]);

function kit(slug: string): Instances {
  return { slug, usual: 1, min: 1, max: kitMax };
}

/** DNS: RFC 1035 §2.3.4. */
const labelCharactersMax = 63;

/** The first label. Throws TypeError when no valid host name exists. */
export function programLabel(
  { id, project_id }: ContainerPlace,
  program: string,
  instance?: number,
): string {
  if (!realmIdPattern.test(id) || !realmIdPattern.test(project_id)) {
    throw new TypeError("the ids of a container and its project are 24 lower-case hex digits");
  }
  if (!/^[a-z0-9][a-z0-9_-]{0,49}$/.test(program)) {
    throw new TypeError(`${JSON.stringify(program)} is not a program`);
  }
  const { slug, usual, min, max } = special.get(program) ?? kit(program);
  const n = instance ?? usual;
  if (!Number.isInteger(n) || n < min || n > max) {
    throw new TypeError(`${program} has instances ${min} to ${max}, not ${n}`);
  }
  const label = `${project_id}-${id}-${slug}-${n}`;
  if (label.length > labelCharactersMax) {
    throw new TypeError(`${program}-${n} does not fit a host name`);
  }
  return label;
}

/**
 * Base URL of the API → base URL of the containers' domain, with the same scheme and port: `api.X` and `<realm>.api.X` →
 * `containers.X`, `Y.api.X` → `Y.containers.X`, any other host `H` → `containers.H`. Null for an IP address, and for this
 * machine, where API and gate listen on different ports.
 */
export function containersUrlOf(api: URL): string | null {
  const { hostname } = api;
  const isHere = hostname === "localhost" || hostname.endsWith(".localhost");
  if (isAddress(hostname) || isHere) return null;
  const labels = realmOf(api) === null ? hostname.split(".") : hostname.split(".").slice(1);
  const at = labels.indexOf("api");
  const isNamed = at >= 0 && at <= 1 && labels.length > at + 1;
  const domain = isNamed
    ? [...labels.slice(0, at), "containers", ...labels.slice(at + 1)]
    : ["containers", ...labels];
  return `${api.protocol}//${domain.join(".")}${api.port === "" ? "" : `:${api.port}`}`;
}

/** Origin of a program. Throws TypeError when no valid host name exists. */
export function programUrl(
  containersUrl: string,
  place: ContainerPlace,
  program: string,
  instance?: number,
): string {
  if (!/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i.test(place.server)) {
    throw new TypeError("a server's name is one label of a host");
  }
  const url = new URL(containersUrl);
  return `${url.protocol}//${programLabel(place, program, instance)}.${place.server}.${url.host}`;
}
