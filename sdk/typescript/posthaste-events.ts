/**
 * A client of a Posthaste server of events (docs/events.md), for browsers and whatever else has WebTransport. One file without
 * dependencies: compile it with `tsc --target es2022 --lib es2022,dom`, or use it from a program that is compiled.
 *
 * ```ts
 * const events = new EventClient("https://events.example/events", { clientId: "shop", token });
 * await events.publish("orders", { type: "created", message: "order 17" });
 * for await (const received of events.subscribe("orders", "billing")) {
 *   console.log(received.event.message);
 *   received.acknowledge();
 * }
 * ```
 *
 * The client connects by itself, again after each loss, with growing pauses. What it publishes it keeps until the server has stored it, and
 * what it consumes goes on; an event that was not acknowledged may come twice.
 */

/** An event to be published. */
export interface NewEvent {
  /** What tells it from all others of its namespace, up to 128 bytes; drawn at random if there is none. */
  id?: string;
  /** What happened, in a word. */
  type?: string;
  /** The same for people. */
  message?: string;
  /** Whatever goes with it. */
  data?: Uint8Array;
  /** When it happened, in milliseconds since 1970; now if nothing is said. */
  timestamp?: number;
  /** More about it. */
  metadata?: Record<string, string>;
  /** Events of one key are delivered in order where a subscription asks for it. */
  key?: string;
}

/** An event as it was published. */
export interface PublishedEvent {
  id: string;
  namespace: string;
  type: string;
  message: string;
  data: Uint8Array;
  timestamp: number;
  metadata: Record<string, string>;
  key: string;
}

/** Where an event is stored. */
export interface Receipt {
  /** Its place in its namespace. */
  sequence: number;
  /** It had been stored before. */
  isDuplicate: boolean;
}

/** Where to begin: `"earliest"`, `"latest"`, a sequence, or a time. */
export type Start = "earliest" | "latest" | { sequence: number } | { time: Date };

/** How a subscription delivers. What is not said is the server's default. */
export interface Settings {
  start?: Start;
  maxInFlight?: number;
  acknowledgmentDeadlineMs?: number;
  backoffFirstMs?: number;
  backoffMostMs?: number;
  maxDeliveries?: number;
  deadLetter?: string;
  isOrderedByKey?: boolean;
}

/** Who the client is, and how patient. */
export interface Options {
  clientId: string;
  token: string;
  namespaces?: string[];
  /** Events that wait to be stored; more make `publish` wait. Default 10,000. */
  maxQueue?: number;
  /** Given to WebTransport, such as `serverCertificateHashes`. */
  webTransport?: object;
  /** Hears what happens to the connection. */
  onStatus?: (status: Status) => void;
}

/** What happens to the connection. */
export type Status =
  | { kind: "connected" }
  | { kind: "disconnected"; reason: string; retryInMs: number }
  | { kind: "going away"; reason: string }
  | { kind: "closed"; reason: string };

/** Why something was refused. `code` is that of docs/events.md. */
export class EventError extends Error {
  constructor(readonly code: number, message: string) {
    super(message);
    this.name = "EventError";
  }
}

/** The figures of a namespace. */
export interface Figures {
  namespace: string;
  depth: number;
  bytes: number;
  first: number;
  next: number;
  oldestAgeMs: number;
  published: number;
  duplicates: number;
  subscriptions: {
    name: string;
    pending: number;
    inFlight: number;
    delivered: number;
    acknowledged: number;
    redelivered: number;
    dead: number;
    /** Consumers that wait for events. */
    consumers: number;
  }[];
}

// Protocol Buffers: writing.

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

class Writer {
  private parts: number[] = [];

  number(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.parts.push((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.parts.push(rest);
    return this;
  }

  uint(field: number, value: number | boolean | undefined): this {
    const number = Number(value ?? 0);
    return number === 0 ? this : this.number(field * 8).number(number);
  }

  bytes(field: number, value: Uint8Array, isElement = false): this {
    if (value.length > 0 || isElement) {
      this.number(field * 8 + 2).number(value.length);
      for (const byte of value) this.parts.push(byte);
    }
    return this;
  }

  text(field: number, value: string | undefined, isElement = false): this {
    return this.bytes(field, encoder.encode(value ?? ""), isElement);
  }

  done(): Uint8Array {
    return Uint8Array.from(this.parts);
  }
}

// Reading: each field of a message, whose bytes are a view.

type Field = { field: number; value: number; bytes: Uint8Array };

function* fields(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const number = (): number => {
    let [value, factor] = [0, 1];
    for (let place = 0; place < 10; place++) {
      if (at >= bytes.length) throw new EventError(1, "a field ends beyond its message");
      const byte = bytes[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 0x80;
    }
    throw new EventError(1, "a number has more than ten bytes");
  };
  const take = (count: number): Uint8Array => {
    if (count > bytes.length - at) throw new EventError(1, "a field ends beyond its message");
    at += count;
    return bytes.subarray(at - count, at);
  };
  const none = new Uint8Array();
  while (at < bytes.length) {
    const tag = number();
    const field = Math.floor(tag / 8);
    switch (tag % 8) {
      case 0: yield { field, value: number(), bytes: none }; break;
      case 1: take(8); break;
      case 2: yield { field, value: 0, bytes: take(number()) }; break;
      case 5: take(4); break;
      default: throw new EventError(1, "a field has a wire type that is not in use");
    }
  }
}

const text = (bytes: Uint8Array): string => decoder.decode(bytes);

/** The bytes of an event. */
export function encodeEvent(event: NewEvent & { id: string; namespace?: string }): Uint8Array {
  const writer = new Writer().text(1, event.id).text(2, event.namespace).text(3, event.type).text(4, event.message);
  writer.bytes(5, event.data ?? new Uint8Array()).uint(6, event.timestamp ?? Date.now());
  const metadata = event.metadata ?? {};
  for (const key of Object.keys(metadata).sort()) {
    writer.bytes(7, new Writer().text(1, key, true).text(2, metadata[key], true).done(), true);
  }
  return writer.text(8, event.key).done();
}

/** The event that these bytes are. */
export function decodeEvent(bytes: Uint8Array): PublishedEvent {
  const event: PublishedEvent = {
    id: "", namespace: "", type: "", message: "", data: new Uint8Array(), timestamp: 0, metadata: {}, key: "",
  };
  for (const { field, value, bytes: content } of fields(bytes)) {
    switch (field) {
      case 1: event.id = text(content); break;
      case 2: event.namespace = text(content); break;
      case 3: event.type = text(content); break;
      case 4: event.message = text(content); break;
      case 5: event.data = content.slice(); break;
      case 6: event.timestamp = value; break;
      case 7: {
        let [key, entry] = ["", ""];
        for (const part of fields(content)) {
          if (part.field === 1) key = text(part.bytes);
          if (part.field === 2) entry = text(part.bytes);
        }
        event.metadata[key] = entry;
        break;
      }
      case 8: event.key = text(content); break;
    }
  }
  return event;
}

function position(start: Start | undefined): Uint8Array {
  const writer = new Writer();
  if (start === undefined || start === "earliest") return writer.done();
  if (start === "latest") return writer.uint(1, 1).done();
  if ("sequence" in start) return writer.uint(1, 2).uint(2, start.sequence).done();
  return writer.uint(1, 3).uint(3, start.time.getTime()).done();
}

// Frames.

const VERSION = 1;
const MAX_FRAME = 1 << 20;
const T = {
  auth: 0x01, authAck: 0x02, authError: 0x03, ping: 0x04, pong: 0x05, goAway: 0x06, failure: 0x07, rateLimit: 0x08,
  publish: 0x10, publishAck: 0x11, subscribe: 0x20, subscribed: 0x21, unsubscribe: 0x22, acknowledge: 0x23, refuse: 0x24,
  extend: 0x25, done: 0x26, consume: 0x31, read: 0x32, batch: 0x33, describe: 0x40, description: 0x41,
} as const;

function frame(type: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(6 + payload.length);
  bytes.set([VERSION, type]);
  new DataView(bytes.buffer).setUint32(2, payload.length);
  bytes.set(payload, 6);
  return bytes;
}

type Frame = { type: number; payload: Uint8Array };

async function* frames(readable: ReadableStream<Uint8Array>): AsyncGenerator<Frame> {
  const reader = readable.getReader();
  let held = new Uint8Array();
  try {
    for (;;) {
      while (held.length >= 6) {
        if (held[0] !== VERSION) throw new EventError(2, `a frame of version ${held[0]}`);
        const length = new DataView(held.buffer, held.byteOffset).getUint32(2);
        if (length > MAX_FRAME) throw new EventError(4, `a frame of ${length} bytes`);
        if (held.length < 6 + length) break;
        const payload = held.slice(6, 6 + length);
        const type = held[1]!;
        held = held.subarray(6 + length);
        yield { type, payload };
      }
      const { value, done } = await reader.read();
      if (done) return;
      const joined = new Uint8Array(held.length + value.length);
      joined.set(held);
      joined.set(value, held.length);
      held = joined;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** Number, code and message of a Failure; namespace and delay of a RateLimitNotice. */
function failure(payload: Uint8Array): { request: number; code: number; message: string } {
  const found = { request: 0, code: 0, message: "" };
  for (const { field, value, bytes } of fields(payload)) {
    if (field === 1) found.request = value;
    if (field === 2) found.code = value;
    if (field === 3) found.message = text(bytes);
  }
  return found;
}

const requestOf = (payload: Uint8Array): number => {
  for (const { field, value } of fields(payload)) if (field === 1) return value;
  return 0;
};

const MAY_REPEAT = new Set([0, 11, 12, 13, 14, 15, 16]);

// What a stream is to this client. The types of WebTransport are not in every library of TypeScript.

interface Stream {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
}

interface Transport {
  ready: Promise<void>;
  closed: Promise<{ closeCode?: number; reason?: string }>;
  createBidirectionalStream(): Promise<Stream>;
  close(info?: { closeCode?: number; reason?: string }): void;
}

interface Queued {
  namespace: string;
  bytes: Uint8Array;
  resolve: (receipt: Receipt) => void;
  reject: (error: Error) => void;
}

/** One connection. */
interface Session {
  transport: Transport;
  control: WritableStreamDefaultWriter<Uint8Array>;
  publish: WritableStreamDefaultWriter<Uint8Array>;
  asked: Map<number, { resolve: (frame: Frame) => void; reject: (error: Error) => void }>;
  publishes: Map<number, Queued[]>;
  lastPong: number;
  isGoingAway: boolean;
}

const PING_MS = 5000;
const BACKOFF_FIRST_MS = 100;
const BACKOFF_MOST_MS = 30_000;
const MAX_PUBLISHES = 8;
const MAX_PUBLISH = 1000;
const MAX_PUBLISH_BYTES = 256 << 10;

/** A client. */
export class EventClient {
  private session: Session | undefined;
  private queue: Queued[] = [];
  private queued = 0;
  private room: (() => void)[] = [];
  private requests = 0;
  private attempts = 0;
  private holdUntil = 0;
  private ended: EventError | undefined;
  private isClosing = false;
  private consumers = new Set<Consumer>();
  private connectedWaiters: (() => void)[] = [];
  /** Milliseconds to the server and back, once a ping was answered. */
  roundTripMs: number | undefined;

  constructor(private readonly url: string, private readonly options: Options) {
    void this.run();
  }

  /** Publishes an event, and resolves once it is stored. Rejects if the server refuses it, or the client has ended. */
  async publish(namespace: string, event: NewEvent): Promise<Receipt> {
    while (this.queued >= (this.options.maxQueue ?? 10_000) && !this.ended) {
      await new Promise<void>(resolve => this.room.push(resolve));
    }
    if (this.ended || this.isClosing) throw this.ended ?? new EventError(0, "the client is ending");
    const bytes = encodeEvent({ ...event, id: event.id ?? crypto.randomUUID() });
    this.queued++;
    return new Promise((resolve, reject) => {
      this.queue.push({ namespace, bytes, resolve, reject });
      this.flush();
    });
  }

  /** Consumes a subscription, which is made if it is not there: an async iterator of what is delivered. */
  subscribe(namespace: string, name: string, settings: Settings = {}): Subscription {
    const consumer = new Consumer(this, namespace, name, settings);
    this.consumers.add(consumer);
    if (this.session) void consumer.begin(this.session);
    return consumer;
  }

  /** What is stored, from a place on: an async iterator that ends. */
  async *read(namespace: string, start: Start = "earliest", maxEvents = 0): AsyncGenerator<{ sequence: number; event: PublishedEvent }> {
    let [from, left] = [start, maxEvents];
    for (;;) {
      const session = await this.connected();
      try {
        const stream = await session.transport.createBidirectionalStream();
        const writer = stream.writable.getWriter();
        const read = new Writer().uint(1, ++this.requests).text(2, namespace).bytes(3, position(from)).uint(4, left).done();
        await writer.write(frame(T.read, read));
        for await (const { type, payload } of frames(stream.readable)) {
          if (type === T.failure) {
            const { code, message } = failure(payload);
            throw new EventError(code, message);
          }
          if (type !== T.batch) continue;
          const { deliveries, isLast } = batch(payload);
          for (const { sequence, event } of deliveries) {
            from = { sequence: sequence + 1 };
            yield { sequence, event: decodeEvent(event) };
            if (left > 0 && --left === 0) return;
          }
          if (isLast) return;
        }
      } catch (error) {
        if (error instanceof EventError && !MAY_REPEAT.has(error.code)) throw error;
      }
    }
  }

  /** The figures of one namespace, or of all if it is empty. */
  async describe(namespace = ""): Promise<Figures[]> {
    const answer = await this.ask(T.describe, request => new Writer().uint(1, request).text(2, namespace));
    return description(answer.payload);
  }

  /** Forgets a subscription, with its position. */
  async unsubscribe(namespace: string, name: string): Promise<void> {
    await this.ask(T.unsubscribe, request => new Writer().uint(1, request).text(2, namespace).text(3, name));
  }

  /** Ends in good order: what was given to publish is stored, and what was acknowledged is told. */
  async close(): Promise<void> {
    this.isClosing = true;
    while (!this.ended && (this.queued > 0 || [...this.consumers].some(consumer => !consumer.isSettled))) {
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    const session = this.session;
    this.end(new EventError(0, "the client has ended"));
    await session?.control.close().catch(() => {});
    session?.transport.close({ closeCode: 0, reason: "" });
  }

  /** Waits for a connection. */
  async connected(): Promise<Session> {
    while (!this.session) {
      if (this.ended) throw this.ended;
      await new Promise<void>(resolve => this.connectedWaiters.push(resolve));
    }
    return this.session;
  }

  /** Asks on the control stream, for what belongs to this file. */
  async ask(type: number, write: (request: number) => Writer, on?: Session): Promise<Frame> {
    const session = on ?? (await this.connected());
    const request = ++this.requests;
    return new Promise((resolve, reject) => {
      session.asked.set(request, { resolve, reject });
      session.control.write(frame(type, write(request).done())).catch(reject);
    });
  }

  /** For what belongs to this file. */
  nextRequest(): number {
    return ++this.requests;
  }

  /** For what belongs to this file. */
  forget(consumer: Consumer): void {
    this.consumers.delete(consumer);
  }

  private tell(status: Status): void {
    this.options.onStatus?.(status);
  }

  private end(error: EventError): void {
    if (this.ended) return;
    this.ended = error;
    const lost = this.session ? [...this.session.publishes.values()].flat() : [];
    for (const queued of [...lost, ...this.queue]) queued.reject(error);
    this.queue = [];
    this.session = undefined;
    for (const consumer of this.consumers) consumer.end(error.code === 0 ? undefined : error);
    this.wake();
    this.tell({ kind: "closed", reason: error.message });
  }

  private wake(): void {
    for (const resolve of this.room.splice(0)) resolve();
    for (const resolve of this.connectedWaiters.splice(0)) resolve();
  }

  /** One connection after the other. */
  private async run(): Promise<void> {
    while (!this.ended) {
      let reason: string;
      try {
        reason = await this.runOnce();
      } catch (error) {
        if (error instanceof EventError && !MAY_REPEAT.has(error.code)) return this.end(error);
        reason = String(error);
      }
      if (this.ended) return;
      const whole = Math.min(BACKOFF_FIRST_MS * 2 ** Math.min(this.attempts++, 20), BACKOFF_MOST_MS);
      const retryInMs = whole / 2 + (Math.random() * whole) / 2;
      this.tell({ kind: "disconnected", reason, retryInMs });
      await new Promise(resolve => setTimeout(resolve, retryInMs));
    }
  }

  private async runOnce(): Promise<string> {
    const constructor = (globalThis as unknown as { WebTransport?: new (url: string, options?: object) => Transport }).WebTransport;
    if (!constructor) throw new EventError(10, "there is no WebTransport here");
    const transport = new constructor(this.url, this.options.webTransport ?? {});
    transport.closed.catch(() => {});
    await transport.ready;
    const stream = await transport.createBidirectionalStream();
    const control = stream.writable.getWriter();
    const auth = new Writer().text(1, this.options.clientId).text(2, this.options.token);
    for (const namespace of this.options.namespaces ?? []) auth.text(3, namespace, true);
    await control.write(frame(T.auth, auth.text(4, "posthaste-events.ts").done()));
    let session: Session | undefined;
    let pinging: ReturnType<typeof setInterval> | undefined;
    try {
      for await (const received of frames(stream.readable)) {
        if (received.type === T.authError) {
          const code = requestOf(received.payload);
          const message = [...fields(received.payload)].filter(part => part.field === 2).map(part => text(part.bytes)).join("");
          throw new EventError(code, message);
        }
        if (received.type === T.authAck) {
          const publish = await transport.createBidirectionalStream();
          session = {
            transport, control, publish: publish.writable.getWriter(), asked: new Map(), publishes: new Map(),
            lastPong: Date.now(), isGoingAway: false,
          };
          this.session = session;
          void this.hearOfPublishes(session, publish.readable);
          pinging = setInterval(() => this.ping(session!), PING_MS);
          this.ping(session);
          for (const consumer of this.consumers) void consumer.begin(session);
          this.tell({ kind: "connected" });
          this.wake();
          this.flush();
        } else if (session) {
          this.onControl(session, received);
        }
      }
      return "the server has ended the session";
    } finally {
      clearInterval(pinging);
      transport.close();
      if (session) this.onLost(session);
    }
  }

  private onLost(session: Session): void {
    if (this.session === session) this.session = undefined;
    // In their order, before what came later.
    this.queue.unshift(...[...session.publishes.values()].flat());
    session.publishes.clear();
    for (const { reject } of session.asked.values()) reject(new EventError(15, "the connection was lost before the answer came"));
    session.asked.clear();
    for (const consumer of this.consumers) consumer.onLost();
  }

  private ping(session: Session): void {
    if (Date.now() - session.lastPong > 3 * PING_MS) {
      session.transport.close({ closeCode: 15, reason: "the server did not answer pings" });
      return;
    }
    session.control.write(frame(T.ping, new Writer().uint(1, Math.round(performance.now() * 1000)).done())).catch(() => {});
  }

  private onControl(session: Session, { type, payload }: Frame): void {
    switch (type) {
      case T.ping: {
        session.control.write(frame(T.pong, new Writer().uint(1, requestOf(payload)).done())).catch(() => {});
        return;
      }
      case T.pong: {
        session.lastPong = Date.now();
        this.attempts = 0;
        this.roundTripMs = performance.now() - requestOf(payload) / 1000;
        return;
      }
      case T.goAway: {
        session.isGoingAway = true;
        this.tell({ kind: "going away", reason: [...fields(payload)].filter(part => part.field === 1).map(part => text(part.bytes)).join("") });
        void this.leave(session);
        return;
      }
      case T.failure: {
        const { request, code, message } = failure(payload);
        const asked = session.asked.get(request);
        session.asked.delete(request);
        if (asked) asked.reject(new EventError(code, message));
        else session.transport.close({ closeCode: code, reason: message });
        return;
      }
      default: {
        const request = requestOf(payload);
        session.asked.get(request)?.resolve({ type, payload });
        session.asked.delete(request);
      }
    }
  }

  /** Finishes what is under way, and goes to where the server is next. */
  private async leave(session: Session): Promise<void> {
    for (let tries = 0; tries < 1000 && this.session === session; tries++) {
      if (session.publishes.size === 0 && session.asked.size === 0 && [...this.consumers].every(consumer => consumer.isIdle)) break;
      await new Promise(resolve => setTimeout(resolve, 5));
    }
    await session.control.close().catch(() => {});
  }

  private async hearOfPublishes(session: Session, readable: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const { type, payload } of frames(readable)) this.onPublishAnswer(session, type, payload);
    } catch {
      // The session is over, of which its control stream tells.
    }
  }

  private onPublishAnswer(session: Session, type: number, payload: Uint8Array): void {
    const request = requestOf(payload);
    const publish = session.publishes.get(request);
    if (!publish) return;
    session.publishes.delete(request);
    if (type === T.publishAck) {
      const receipts: Receipt[] = [];
      for (const { field, bytes } of fields(payload)) {
        if (field !== 2) continue;
        const receipt: Receipt = { sequence: 0, isDuplicate: false };
        for (const part of fields(bytes)) {
          if (part.field === 1) receipt.sequence = part.value;
          if (part.field === 2) receipt.isDuplicate = part.value !== 0;
        }
        receipts.push(receipt);
      }
      publish.forEach((queued, place) => queued.resolve(receipts[place] ?? { sequence: 0, isDuplicate: false }));
      this.queued -= publish.length;
    } else {
      const { code, message } = failure(payload);
      const wait = type === T.rateLimit ? [...fields(payload)].find(part => part.field === 3)?.value ?? 1 : BACKOFF_FIRST_MS;
      if (type === T.rateLimit || MAY_REPEAT.has(code)) {
        this.queue.unshift(...publish);
        this.holdUntil = Date.now() + wait;
        setTimeout(() => this.flush(), wait);
      } else {
        publish.forEach(queued => queued.reject(new EventError(code, message)));
        this.queued -= publish.length;
      }
    }
    for (const resolve of this.room.splice(0)) resolve();
    this.flush();
  }

  /** Sends what may be sent now. */
  private flush(): void {
    const session = this.session;
    if (!session || session.isGoingAway || Date.now() < this.holdUntil) return;
    while (session.publishes.size < MAX_PUBLISHES && this.queue.length > 0) {
      const namespace = this.queue[0]!.namespace;
      let [count, bytes] = [0, 0];
      for (const queued of this.queue) {
        const fits = count === 0 || (count < MAX_PUBLISH && bytes + queued.bytes.length <= MAX_PUBLISH_BYTES);
        if (queued.namespace !== namespace || !fits) break;
        count++;
        bytes += queued.bytes.length;
      }
      const publish = this.queue.splice(0, count);
      const request = ++this.requests;
      session.publishes.set(request, publish);
      const writer = new Writer().uint(1, request).text(2, namespace);
      for (const queued of publish) writer.bytes(3, queued.bytes, true);
      session.publish.write(frame(T.publish, writer.done())).catch(() => {});
    }
  }
}

type Handed = { sequence: number; attempt: number; publishedAt: number; event: Uint8Array };

function batch(payload: Uint8Array): { deliveries: Handed[]; isLast: boolean } {
  const deliveries: Handed[] = [];
  let isLast = false;
  for (const { field, value, bytes } of fields(payload)) {
    if (field === 3) isLast = value !== 0;
    if (field !== 2) continue;
    const delivery: Handed = { sequence: 0, attempt: 0, publishedAt: 0, event: new Uint8Array() };
    for (const part of fields(bytes)) {
      if (part.field === 1) delivery.sequence = part.value;
      if (part.field === 2) delivery.attempt = part.value;
      if (part.field === 3) delivery.publishedAt = part.value;
      if (part.field === 4) delivery.event = part.bytes;
    }
    deliveries.push(delivery);
  }
  return { deliveries, isLast };
}

function description(payload: Uint8Array): Figures[] {
  const numbers = (bytes: Uint8Array): [string, number[], Uint8Array[]] => {
    let name = "";
    const values: number[] = [];
    const inner: Uint8Array[] = [];
    for (const { field, value, bytes: content } of fields(bytes)) {
      if (field === 1) name = text(content);
      else if (content.length > 0) inner.push(content);
      else values[field] = value;
    }
    return [name, values, inner];
  };
  return [...fields(payload)].filter(part => part.field === 2).map(part => {
    const [namespace, of, inner] = numbers(part.bytes);
    const subscriptions = inner.map(bytes => {
      const [name, one] = numbers(bytes);
      return {
        name, pending: one[2] ?? 0, inFlight: one[3] ?? 0, delivered: one[4] ?? 0, acknowledged: one[5] ?? 0,
        redelivered: one[6] ?? 0, dead: one[7] ?? 0, consumers: one[8] ?? 0,
      };
    });
    return {
      namespace, depth: of[2] ?? 0, bytes: of[3] ?? 0, first: of[4] ?? 0, next: of[5] ?? 0, oldestAgeMs: of[6] ?? 0,
      published: of[7] ?? 0, duplicates: of[8] ?? 0, subscriptions,
    };
  });
}

/** A subscription that is consumed. */
export interface Subscription extends AsyncIterable<Received> {
  /** Ends it: what was not acknowledged goes to others. */
  return(): void;
}

/** An event that was delivered. */
export interface Received {
  event: PublishedEvent;
  sequence: number;
  /** Which delivery of it, from 1. */
  attempt: number;
  publishedAt: number;
  /** It is dealt with. The server is told until it knows. */
  acknowledge(): void;
  /** It is to come again, after a delay. */
  refuse(delayMs?: number): void;
  /** It takes longer: so long from now. */
  extend(byMs: number): void;
}

const MAX_UNREAD = 1000;

class Consumer implements Subscription {
  private unread: Handed[] = [];
  private dealtWith: Handed[] = [];
  private telling = 0;
  private open = new Set<string>();
  private waiter: (() => void) | undefined;
  private taken: (() => void) | undefined;
  private ended: { error: Error | undefined } | undefined;
  private epoch = 0;
  private stream: Stream | undefined;

  constructor(
    private readonly client: EventClient,
    private readonly namespace: string,
    private readonly name: string,
    private readonly settings: Settings,
  ) {}

  /** Nothing is left to be told. */
  get isSettled(): boolean {
    return this.dealtWith.length === 0 && this.telling === 0;
  }

  /** And nothing is in the program's hands. */
  get isIdle(): boolean {
    return this.isSettled && this.open.size === 0;
  }

  async begin(session: Session): Promise<void> {
    const epoch = ++this.epoch;
    try {
      await this.client.ask(T.subscribe, request => this.named(request).bytes(4, this.written(), true), session);
      const stream = await session.transport.createBidirectionalStream();
      this.stream = stream;
      const writer = stream.writable.getWriter();
      await writer.write(frame(T.consume, this.named(this.client.nextRequest()).done()));
      void this.tellAll(session);
      for await (const { type, payload } of frames(stream.readable)) {
        if (epoch !== this.epoch || session.isGoingAway) return;
        if (type === T.failure) {
          const { code, message } = failure(payload);
          throw new EventError(code, message);
        }
        if (type !== T.batch) continue;
        this.unread.push(...batch(payload).deliveries);
        this.waiter?.();
        while (this.unread.length >= MAX_UNREAD && epoch === this.epoch) {
          await new Promise<void>(resolve => (this.taken = resolve));
        }
      }
    } catch (error) {
      if (error instanceof EventError && !MAY_REPEAT.has(error.code)) this.end(error);
      // Otherwise the connection is gone, and the next one begins it again.
    }
  }

  onLost(): void {
    this.epoch++;
    this.unread = [];
    this.open.clear();
    this.taken?.();
  }

  end(error: Error | undefined): void {
    this.ended ??= { error };
    this.waiter?.();
  }

  return(): void {
    this.client.forget(this);
    this.epoch++;
    this.end(undefined);
    this.stream?.writable.abort().catch(() => {});
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Received> {
    try {
      for (;;) {
        const delivery = this.unread.shift();
        if (delivery) {
          this.taken?.();
          yield this.received(delivery);
        } else if (this.ended) {
          if (this.ended.error) throw this.ended.error;
          return;
        } else {
          await new Promise<void>(resolve => (this.waiter = resolve));
        }
      }
    } finally {
      this.return();
    }
  }

  private received(delivery: Handed): Received {
    const key = `${delivery.sequence}/${delivery.attempt}`;
    this.open.add(key);
    const handle = () => new Writer().uint(1, delivery.sequence).uint(2, delivery.attempt).done();
    const once = (type: number, ms: number) => {
      const write = (request: number) => this.named(request).bytes(4, handle(), true).uint(5, ms);
      this.client.ask(type, write).catch(() => {}); // lost with the connection, and then it comes again anyway
    };
    return {
      event: decodeEvent(delivery.event),
      sequence: delivery.sequence,
      attempt: delivery.attempt,
      publishedAt: delivery.publishedAt,
      acknowledge: () => {
        this.open.delete(key);
        this.dealtWith.push(delivery);
        if (this.telling === 0) void this.tellAll();
      },
      refuse: (delayMs = 0) => {
        this.open.delete(key);
        once(T.refuse, delayMs);
      },
      extend: byMs => once(T.extend, byMs),
    };
  }

  /** Tells the server what is dealt with, until it knows. */
  private async tellAll(session?: Session): Promise<void> {
    if (this.telling > 0) return;
    this.telling++;
    try {
      // What is dealt with meanwhile goes together.
      await Promise.resolve();
      while (this.dealtWith.length > 0) {
        const part = this.dealtWith.slice(0, 1000);
        await this.client.ask(T.acknowledge, request => {
          const writer = this.named(request);
          for (const { sequence, attempt } of part) writer.bytes(4, new Writer().uint(1, sequence).uint(2, attempt).done(), true);
          return writer;
        }, session);
        this.dealtWith.splice(0, part.length);
      }
    } catch {
      // Told again on the next connection.
    } finally {
      this.telling--;
    }
  }

  private named(request: number): Writer {
    return new Writer().uint(1, request).text(2, this.namespace).text(3, this.name);
  }

  private written(): Uint8Array {
    const of = this.settings;
    const writer = new Writer().bytes(1, position(of.start)).uint(2, of.maxInFlight).uint(3, of.acknowledgmentDeadlineMs);
    writer.uint(4, of.backoffFirstMs).uint(5, of.backoffMostMs).uint(6, of.maxDeliveries).text(7, of.deadLetter);
    return writer.uint(8, of.isOrderedByKey).done();
  }
}
