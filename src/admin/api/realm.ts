// The active realm of a call: the leading 24-hex label of the API host, or gRPC metadata `x-realm-id`.

/** `null`: the unscoped host. `invalid`: a malformed host, two realms, or one that is not the first label or not the metadata's. */
type ActiveRealm = string | null | "invalid";

/** 24 lower-case hex digits. */
export const realmIdPattern = /^[0-9a-f]{24}$/;
/** `Host` (RFC 9110 §7.2): a name or address with an optional port. */
const hostAndPort = /^(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?$/;

export function activeRealm(authority: string | null, metadata: string | null): ActiveRealm {
  const fromHost = authority === null ? null : realmOfHost(authority);
  if (metadata === null || fromHost === "invalid") return fromHost;
  if (!realmIdPattern.test(metadata)) return "invalid";
  return fromHost === null || fromHost === metadata ? metadata : "invalid";
}

function realmOfHost(authority: string): ActiveRealm {
  const name = hostAndPort.exec(authority.toLowerCase())?.[1];
  if (name === undefined) return "invalid";
  const labels = name.split(".");
  const [realm, another] = labels.filter((label) => realmIdPattern.test(label));
  if (realm === undefined) return null;
  return another === undefined && realm === labels[0] ? realm : "invalid";
}
