// Expectations that differ between the edges. docs/edge-limits.md lists every difference.

/** REALMGATE_PROXY_EDGE=serve has the tests of the data plane run against the runtime's server. */
export const plainEdge = process.env.REALMGATE_PROXY_EDGE === "serve" ? "serve" : "wire";

/** What holds on the edge under test. */
export function onEdge<T>(expectations: { readonly serve: T; readonly wire: T }): T {
  return expectations[plainEdge];
}
