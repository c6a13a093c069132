// The audit trail, as the store keeps it.
import type { Measure } from "../../../proto/call.ts";
import type {
  EventColumn,
  EventCounts,
  EventFilter,
  EventViewer,
  NewEvent,
  StoredEvent,
} from "./event-records.ts";
import type { ListPage, PageQuery } from "./paging.ts";

/** `measure`: charges what reading holds up this process. */
export interface EventStore {
  /** An event without a write: a refusal, a login. That of a write is written with it; see call-event.ts. */
  recordEvent(event: NewEvent): Promise<void>;
  events(
    viewer: EventViewer,
    query: EventFilter & PageQuery<EventColumn>,
    measure?: Measure,
  ): Promise<ListPage<StoredEvent>>;
  /** Null: it does not exist for this viewer. */
  event(viewer: EventViewer, id: string): Promise<StoredEvent | null>;
  eventCounts(viewer: EventViewer, filter: EventFilter, measure?: Measure): Promise<EventCounts>;
  /** Deletes the events before a time. Answers how many. */
  purgeEvents(before: string): Promise<number>;
  /** Deletes all but so many events about what belongs to each account; see trim-events.ts. Answers how many. */
  trimEvents(max: number): Promise<number>;
}
