// A listening socket that all gate processes accept from, made and held open by their parent.
import { closeSync } from "node:fs";
import type { ListenAddress } from "../config/setting-readers.ts";
import type { Duplicate } from "./descriptors.ts";

/**
 * One queue for all: what waits in it outlives each process that accepts from it, and whoever is free takes the next connection,
 * whatever the others are busy with.
 */
export class ListeningSocket implements ListenAddress {
  readonly hostname: string;
  readonly port: number;
  readonly descriptor: number;
  #isOpen = true;

  /** `isShared`: other processes of this user may listen there, too. Throws when the address is taken. */
  constructor({ hostname, port }: ListenAddress, isShared: boolean, duplicate: Duplicate) {
    const socket = listening({ hostname, port }, isShared);
    // The duplicate stays open. Nothing is accepted here: no event is handled in between.
    this.descriptor = duplicate((socket as unknown as { readonly fd: number }).fd);
    this.hostname = socket.hostname;
    this.port = socket.port;
    socket.stop(true);
  }

  /** What still waits is refused once no other process has the socket open. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.descriptor);
  }
}

/** The address with a port. Throws when another process listens there, whether it would share it or not. */
export function freeAddress(listen: ListenAddress): ListenAddress {
  const socket = listening(listen, false);
  const { port } = socket;
  socket.stop(true);
  return { hostname: listen.hostname, port };
}

function listening({ hostname, port }: ListenAddress, isShared: boolean) {
  return Bun.listen({
    hostname,
    port,
    exclusive: !isShared,
    ...(isShared ? { reusePort: true } : {}),
    socket: { open: (socket) => void socket.terminate(), data: () => {} },
  });
}
