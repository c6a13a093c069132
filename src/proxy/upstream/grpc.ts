// What the gate knows of gRPC (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).

/** `application/grpc` and `application/grpc+proto`; not gRPC-Web, whose status is in its body. */
const CONTENT_TYPE = /^application\/grpc(?:$|[+;\s])/i;
/** The status INTERNAL: clients do not repeat the call, which may have been carried out. */
const INTERNAL = "13";
const MESSAGE =
  "The gate cannot pass on the status of this call to clients of HTTP/2: use gRPC-Web";

export function isGrpc(headers: Headers): boolean {
  return CONTENT_TYPE.test(headers.get("content-type") ?? "");
}

/** The head of a response that is nothing but a status (Trailers-Only). */
export function statusLost(headers: Headers): Headers {
  return new Headers({
    "content-type": headers.get("content-type") ?? "application/grpc",
    "grpc-status": INTERNAL,
    "grpc-message": MESSAGE,
  });
}
