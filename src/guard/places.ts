// A few places for each key; who finds none free waits in line.

type Enter = () => void;

interface Room {
  taken: number;
  readonly line: Enter[];
}

/** Memory: one entry for each key that has a place taken. */
export class Places<Key extends string | number = number> {
  readonly #perKey: number;
  readonly #rooms = new Map<Key, Room>();

  constructor(perKey: number) {
    this.#perKey = perKey;
  }

  /**
   * Calls `enter` once there is a place: at once when one is free. The answer gives the place back, or leaves the line; it may
   * be called more than once.
   */
  take(key: Key, enter: Enter): () => void {
    const room = this.#rooms.get(key) ?? { taken: 0, line: [] };
    this.#rooms.set(key, room);
    let state: "waiting" | "inside" | "gone" = "waiting";
    const come = () => {
      state = "inside";
      enter();
    };
    const leave = () => {
      const before = state;
      state = "gone";
      if (before === "waiting") room.line.splice(room.line.indexOf(come), 1);
      if (before !== "inside") return;
      const next = room.line.shift();
      if (next !== undefined) next();
      else if (--room.taken === 0) this.#rooms.delete(key);
    };
    if (room.taken >= this.#perKey) room.line.push(come);
    else {
      room.taken++;
      come();
    }
    return leave;
  }
}
