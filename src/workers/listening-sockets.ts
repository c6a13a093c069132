// Listening sockets of one address, one for each gate process, made and held open by their parent.
import { closeSync } from "node:fs";
import type { ListenAddress } from "../config/setting-readers.ts";
import type { Duplicate } from "./descriptors.ts";

/**
 * The kernel spreads connections evenly over the sockets (SO_REUSEPORT, socket(7)). What waits in the queue of one outlives the
 * process that accepts from it: the parent has the socket open, too, and every process can accept from the socket of another.
 */
export class ListeningSockets implements ListenAddress {
  readonly hostname: string;
  readonly port: number;
  readonly descriptors: readonly number[];
  #isOpen = true;

  /** `isShared`: other processes of this user may listen there, too. Throws when the address is taken. */
  constructor(listen: ListenAddress, count: number, isShared: boolean, duplicate: Duplicate) {
    this.hostname = listen.hostname;
    const { port } = isShared ? listen : freeAddress(listen);
    const descriptors: number[] = [];
    this.descriptors = descriptors;
    let bound = port;
    try {
      while (descriptors.length < count) {
        const socket = listening({ hostname: listen.hostname, port: bound }, true);
        bound = socket.port;
        // The duplicate stays open, and nothing is accepted here: no event is handled in between.
        descriptors.push(duplicate((socket as unknown as { readonly fd: number }).fd));
        socket.stop(true);
      }
    } catch (error) {
      this.close();
      throw error;
    }
    this.port = bound;
  }

  /** What still waits in the queues is refused, once no other process has the sockets open. */
  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    for (const descriptor of this.descriptors) closeSync(descriptor);
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
