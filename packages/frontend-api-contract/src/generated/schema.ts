// Made from openapi.json by openapi-typescript 7.13.0. Change the code, then run `cargo xtask gen`.
// document sha256: 89d6c3568ce1d1fde15f22d6362efb6cc8b783e4b27f09b2b50c4820ed0db440
// text sha256: 5d10bc27db12d959180efb6780d72bbba5e1bd695941b4e85b9de2bcf5f0f0ac
export interface paths {
    "/api/queue/from-run/{run_id}/preview": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Derives the one queue item of a run and says which gates are open. Changes nothing.
         * @description The answer names every check in the order in which an apply is judged, and gives the `preview_token` that an apply takes.
         */
        post: operations["queue_preview"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/from-run/{run_id}": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Appends the item that was previewed, if every gate is open; where the policy says so, asks people first.
         * @description The same preview, or the same `idempotency_key` with the same arguments, is answered with the item that it made (`already_applied`), and nothing is appended: an apply whose answer was lost can be repeated.
         */
        post: operations["queue_enqueue"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/cancel": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Rolls a pending item back. Works while queueing is off or frozen.
         * @description Once a worker has claimed the item this is no rollback any more, and refused. An agent cancels its own items only.
         */
        post: operations["queue_cancel"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists queue items in enqueue order, or the newest first. */
        get: operations["queue_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/counts": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Counts queue items by where they stand now. It costs the same however long the history is. */
        get: operations["queue_counts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/throughput": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Shows how much was queued, ended and lost lately, step by step. It costs the same however long the history is.
         * @description Steps begin at whole hours, or at multiples of five minutes, in UTC; the last one is the one that is not over.
         */
        get: operations["queue_throughput"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows one queue item; of a claimed one, how far its worker says that it is. */
        get: operations["queue_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/stream": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Follows the queue: one event for each ledger line about an item, with the item as it then stood.
         * @description The stream begins with a block `queue_head`, which names the line that it begins behind: list the queue after that, then apply what comes. Each block `queue_event` names its line (`seq`, `h`), what was done (`event`) and the item behind it; refusals change nothing and are not here. Each `id`, sent back as `Last-Event-ID`, resumes behind its line. A block `reset` says that the ledger is another one and everything begins anew; a block `end`, which is the last, why the stream ends and whether it is worth opening again.
         */
        get: operations["queue_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/history": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what became of an item, line by line, each with where its receipt is had.
         * @description Who queued, cancelled or claimed it, when, and why as stated; the lines' hashes lead to the ledger. An agent sees the history of what it queued itself.
         */
        get: operations["queue_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/decisions": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Lists refusals and what operators decided, newest first; an agent sees what it was refused itself.
         * @description Always a page. Filters look at ten thousand lines a page: one may be short, or empty, and still have a `next_cursor`.
         */
        get: operations["decisions_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ledger": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows how the ledger stands: both files' last lines, their last signed checkpoints, whether lines can be written. */
        get: operations["ledger_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ledger/entries": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the ledger's lines, as facts and as they stand, for whoever verifies a chain or keeps evidence. Operators only.
         * @description Of the queue, or with `file=decisions` of what was refused and decided. Always a page, which ends before one MiB of lines. Each line was held against the one before it when it was read.
         */
        get: operations["ledger_entries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ledger/checkpoints": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists the signed checkpoints that are kept: the last of each file, with the note as it was signed. */
        get: operations["checkpoints_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/ledger/checkpoints/{size}": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Shows the signed checkpoint that covers so many lines, if it is the last: earlier ones are not kept here.
         * @description Whoever needs earlier ones keeps them elsewhere, which is the point of a checkpoint; `cortexpilot audit verify` holds the ledger against them.
         */
        get: operations["checkpoint_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/decisions/stream": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Follows refusals and what operators decided: one event for each line of that record. Operators only.
         * @description The stream begins with a block `decisions_head`, which names the line that it begins behind. Each block `decision` is what `/api/decisions` says of a line; each `id`, sent back as `Last-Event-ID`, resumes behind its line. A block `caught_up` says that everything that was there has come; `reset`, that the record is another one and everything begins anew; `end`, which is the last, why the stream ends and whether it is worth opening again.
         */
        get: operations["decisions_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/next": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what may be claimed now, in claim order, or why nothing may.
         * @description For workers to poll: it leaves no line and is refused by no freeze or pause. What is shown may be gone a moment later.
         */
        get: operations["queue_next"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/claim": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes the next eligible item for a worker, or the one that is named, with a lease token.
         * @description Highest priority first, then the earliest schedule, then the order of enqueueing. That there is nothing to claim is an answer (`ok: false`), not an error.
         */
        post: operations["queue_claim"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/contract": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Gives the pinned task contract of an item, byte for byte what was approved.
         * @description This is what a worker carries out, and nothing else: its SHA-256 is the claim's `contract_sha256`. It is kept as long as the item is not closed. For workers and operators.
         */
        get: operations["queue_contract"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/heartbeat": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says that the work on a claimed item goes on, and hears whether it is to stop; takes the claim's lease token.
         * @description One every quarter of the lease. It leaves no line and changes no item: it keeps the lease, and shows how far the work is.
         */
        post: operations["queue_heartbeat"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/complete": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Finishes a claimed item as SUCCESS, FAILURE or, where an operator asked for its end, STOPPED; takes the lease token. */
        post: operations["queue_complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/release": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Hands a claimed item back; takes the lease token.
         * @description Where nothing of it was carried out (`started: false`) it waits again. Otherwise it is as if its worker was lost: repeated where its contract lets that happen, else held for an operator.
         */
        post: operations["queue_release"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/stop": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Asks the worker of a claimed item to end its work, with a reason. Operators only; not a rollback.
         * @description The worker hears of it with its next heartbeat and completes the item as STOPPED, or as it ended before. What the work did until then is done. Works while queueing is off or frozen.
         */
        post: operations["queue_stop"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/revoke": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Takes the lease of a claimed item away from its worker, with a reason; the item is held. Operators only; not a rollback.
         * @description For a worker that is gone or does not listen. Whatever it still sends about the item is refused; what its work did, and may still do, is done. Works while queueing is off or frozen.
         */
        post: operations["queue_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/requeue": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Lets a held item wait for a worker again, with a reason. Operators only.
         * @description Its last run may have been carried out in part: look before. Works while queueing is off or frozen.
         */
        post: operations["queue_requeue"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/fail": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Closes a held item as FAILURE, with a reason. Operators only. */
        post: operations["queue_fail"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workers": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists workers that said in the last three minutes that they are there, by name. Operators only. */
        get: operations["workers_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workers/presence": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says that a worker is there, for people to see; about once a minute. */
        post: operations["worker_presence"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/queue/{queue_id}/receipt": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Proves that the line which queued the item is signed, or the last that did what `of` names. */
        get: operations["queue_receipt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{approval_id}/receipt": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Proves that the last decision about a request is signed; of an approved one, its item's line. */
        get: operations["approval_receipt"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists requests that people decide, oldest first; an agent sees its own. */
        get: operations["approvals_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{approval_id}": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows one request with all that deciding it rests on: effect, differences, who asks, what was stated. */
        get: operations["approval_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{approval_id}/approve": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Says yes to a request; the last yes that is needed queues its item. Operators only.
         * @description Whoever asked, and whoever answers for an agent that asked, may not decide under every policy: docs/concepts/approvals.md.
         */
        post: operations["approval_approve"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/approvals/{approval_id}/reject": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Says no to a request, with a reason. Operators only; works while queueing is off or frozen. */
        post: operations["approval_reject"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gate": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows whether agents may queue here, since when and by whom, who says yes, the policy floor and a freeze. */
        get: operations["gate_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gate/freeze": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stops applies, approvals and claims in every process; cancelling and completing go on. Operators only. */
        post: operations["gate_freeze"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gate/unfreeze": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a freeze, with a reason. Operators only. */
        post: operations["gate_unfreeze"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gate/pause": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Stops claims in every process, and nothing else: queueing goes on, and what is claimed is finished. Operators only. */
        post: operations["gate_pause"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/gate/resume": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Ends a pause: workers claim again. Operators only. */
        post: operations["gate_resume"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists personal tokens by id, without anything that they could be used or recognised by. Operators only. */
        get: operations["tokens_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tokens/{token_id}/revoke": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Takes a personal token back, in every process from its next request on. Operators only. */
        post: operations["token_revoke"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/session": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Says who asks: whom the session, the token, or the missing authentication stands for. */
        get: operations["session_get"];
        put?: never;
        /** Signs in: exchanges a token, or the secret of a one-time address, for a session, which the answer sets as a cookie. */
        post: operations["session_create"];
        /** Signs out: ends this session, or with `everywhere` all sessions of whoever asks, and takes the cookie away. */
        delete: operations["session_end"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Lists runs, newest first.
         * @description Their order, and what `since` and `until` go by, is `created_at`; where a run names none, the time its manifest was written.
         */
        get: operations["runs_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows one run with its manifest and contract. */
        get: operations["run_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/events": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Lists a run's events in file order: after `since`, the first `limit`, or with `tail` the last.
         * @description A run that is not there has no events: an empty array. With `cursor` it is 404.
         */
        get: operations["run_events"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/reports": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Lists a run's reports, then those that its state implies.
         * @description A run that is not there has no reports: an empty array. With `limit` or `cursor` it is 404.
         */
        get: operations["run_reports"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/events/stream": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Follows a run's events as they are appended, as server-sent events.
         * @description Each event is a block `run_event`, whose data is the event as the list of events has it. Its `id` names the place behind it: sent back as `Last-Event-ID`, the stream goes on there, without a loss and without a repetition. With `follow=false` and without such a place, each `id` is the event's time. While it follows, a block `caught_up` says once that every event that was there has come, and how many that were. A block `reset` says that the file is another one and everything begins anew; a block `end`, which is the last, why the stream ends and whether it is worth opening again.
         */
        get: operations["run_events_stream"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/diff": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what a run changed, as a diff.
         * @description A run that is not there has an empty diff, as existing clients know it.
         */
        get: operations["run_diff"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/artifacts": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Lists a run's files, each with whether it is the one that the manifest recorded.
         * @description Listed are the files that the manifest recorded and those beneath `artifacts/`, at most 1,000. Digests are computed anew for each answer, of at most 64 MiB: what is beyond is `unchecked`. A run that is not there has no files.
         */
        get: operations["run_artifacts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/artifacts/{name}": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Gives the content of one of a run's files, to be stored and not to be shown.
         * @description It is plain text where it is UTF-8 without NUL, else bytes; never a type that a browser would carry out. Agents get the beginning of the file as text, with secrets masked.
         */
        get: operations["run_artifact"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/search": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows what a run searched for and found. */
        get: operations["run_search"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/compare": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows a run's stored comparison, and compares it with another run where one is named. */
        get: operations["run_compare"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/proof": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows a run's proof pack, stored or derived, and whether its evidence is still what was recorded. */
        get: operations["run_proof"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/runs/{run_id}/incident": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows a run's incident pack, stored or derived from why it failed or stands still. */
        get: operations["run_incident"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/contracts": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Lists the task contracts of runs, newest run first.
         * @description Each is the contract's members, then `_source` (always `runs`), `_path`, `_run_id`, `_sha256`, and `_problems` where something could not be read.
         */
        get: operations["contracts_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/diff-gate": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists the runs that met the diff gate, newest run first. */
        get: operations["diff_gate_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/reviews": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists the review reports of runs, newest run first. */
        get: operations["reviews_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/tests": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists the test reports of runs, newest run first. */
        get: operations["tests_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/events": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists the newest events of all runs, newest first, each with its `_run_id`. */
        get: operations["events_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Lists workflow cases, the one with the newest run first. */
        get: operations["workflows_list"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/workflows/{workflow_id}": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Shows one workflow case with its runs and events. */
        get: operations["workflow_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/config": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Shows every setting of this server with where it comes from; of secrets, whether they are set. Operators only.
         * @description As it was read when the server started, like `cortexpilot config show --origin`. What each means stands in docs/reference/environment.md.
         */
        get: operations["config_get"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/config/clients": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /**
         * Shows what MCP clients are told to start the read-only server here, as `cortexpilot mcp install` does. Operators only.
         * @description The paths are those of this server's machine. Nothing is written, and no token is in it: the queue pilot is installed on the command line, which makes one.
         */
        get: operations["config_clients"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/health": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Says that the process answers. */
        get: operations["health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/health": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** The same, at the path that existing clients use. */
        get: operations["api_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/readyz": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Says whether the ledger can be written: 200, or 503 with the code of what stands in the way. */
        get: operations["readyz"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/metrics": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** Counts of answers since the process started, of what happened to items, and how the work stands, as Prometheus text. */
        get: operations["metrics"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/openapi.json": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** This document: every operation with its parameters, bodies, answers and codes. */
        get: operations["openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/api/docs": {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        /** The same as a page for people. It loads nothing and runs no script. */
        get: operations["docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export type webhooks = Record<string, never>;
export interface components {
    schemas: {
        /** @description Who the caller is to the server. */
        ActingAsView: {
            /** @description The principal. */
            principal: string;
            /** @description `operator`, `agent`, `worker` or `anonymous`. */
            kind: components["schemas"]["Kind"];
            /** @description The roles it holds, sorted. */
            roles: string[];
        };
        /**
         * @description The same in a person's words.
         * @enum {string}
         */
        AgentsMayQueue: "OFF" | "after a person agrees" | "ON, nobody is asked" | "FROZEN";
        /** @description An apply's answer: the ledger line as an object, then where the item stands now. */
        AppliedView: {
            /** @description Always `QUEUE_ENQUEUE`. */
            event: string;
            /** @description Always `PENDING`: what the line says. `current_status` says where the item stands. */
            status: string;
            /** @description The task it repeats. */
            task_id: string;
            /** @description The owning agent. */
            owner: string;
            /** @description Absolute path of the source run's contract. */
            contract_path: string;
            /**
             * Format: int64
             * @description −100 to 100.
             */
            priority: number;
            /** @description The workflow case. */
            workflow_id: string;
            /** @description The source run. */
            source_run_id: string;
            /** @description As sent. */
            scheduled_at: string | null;
            /** @description As sent. */
            deadline_at: string | null;
            /** @description When it was enqueued. */
            ts: string;
            /** @description The item's id. */
            queue_id: string;
            /** @description Digest of the pinned contract. */
            contract_sha256: string;
            /** @description Who asked, as stated. */
            requested_by: string;
            /** @description The role it was asked in. */
            actor_role: string;
            /** @description Why, as stated. */
            approval_reason: string;
            /** @description Always `manual-owner-default-off`. */
            approval_mode: string;
            /** @description Through which surface. */
            pilot_source: string;
            /** @description The authenticated principal. */
            principal: string;
            /** @description Digest of the preview it rests on. */
            preview_digest: string;
            /** @description The caller's key. */
            idempotency_key: string | null;
            /**
             * Format: int32
             * @description How many items deep.
             */
            depth: number;
            /** @description Who said yes. */
            approval_policy: string;
            /** @description Approvals by people. */
            approvals: string[];
            /** @description Why the last of them agreed; left out, as in the line, where nothing was said. */
            approver_reason?: string;
            /** @description The repository that the source run worked on; left out, as in the line, where its manifest names none. */
            repository?: string;
            /** @description The line's chain hash. */
            h: string;
            /** @description It was queued before; nothing was appended now. */
            already_applied: boolean;
            /** @description Where the item stands now. */
            current_status: string;
        };
        /** @description A request as one line of a list. Lists look at no run: that a request is stale is seen where it is looked at. */
        ApprovalRowView: {
            /** @description Its id. */
            id: string;
            /** @description `PENDING`, `APPROVED`, `REJECTED` or `EXPIRED`. */
            status: components["schemas"]["ApprovalState"];
            /**
             * Format: int32
             * @description How many people must agree.
             */
            needs: number;
            /**
             * Format: int32
             * @description How many have.
             */
            has: number;
            /** @description The policy it was asked under. */
            approval_policy: components["schemas"]["Policy"];
            /** @description The run that it is about. */
            run_id: string;
            /** @description The task that its item would repeat; `null` on a request of an earlier version, which does not say. */
            task_id: string | null;
            /** @description Digest of the task contract that its effect comes from (paths, commands, permissions): requests with the same one would do the same. */
            contract_sha256: string;
            /**
             * Format: int64
             * @description −100 to 100, higher first.
             */
            priority: number;
            /** @description Who asks. */
            requester: components["schemas"]["RequesterView"];
            /** @description How many others asked for the same. */
            joined_count: number;
            /** @description Through what it was asked: `mcp`, `http` or `cli`. */
            surface: components["schemas"]["SurfaceName"];
            /** @description When it was asked. */
            asked_at: string;
            /** @description Until when it can be decided; not at that moment. */
            expires_at: string;
            ended: components["schemas"]["EndedView"] | null;
            /** @description The item it became; `null` while it is not queued. */
            queue_id: string | null;
            /** @description What the caller wrote. No word of it is checked. */
            stated: components["schemas"]["StatedView"];
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        ApprovalRowViewList: components["schemas"]["ApprovalRowView"][] | components["schemas"]["ApprovalRowViewPage"];
        /** @description One page of a list. */
        ApprovalRowViewPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["ApprovalRowView"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /**
         * @description How a request stands that people decide.
         * @enum {string}
         */
        ApprovalState: "PENDING" | "APPROVED" | "REJECTED" | "EXPIRED";
        /** @description A request for a person's approval. */
        ApprovalView: {
            /** @description Its id. */
            id: string;
            /** @description `PENDING`, `APPROVED` (it was queued), `REJECTED`, `EXPIRED`, or `STALE`: it has changed, nobody can approve it. */
            status: components["schemas"]["ReviewState"];
            /**
             * Format: int32
             * @description How many people must agree.
             */
            needs: number;
            /**
             * Format: int32
             * @description How many have.
             */
            has: number;
            /** @description Until when it can be decided. */
            expires_at: string;
        };
        /** @description One file of a run. */
        Artifact: {
            /** @description Its path in the run directory, under which its content is asked for. */
            name: string;
            /**
             * Format: int64
             * @description How many bytes it has; `null` where it is missing.
             */
            size_bytes: number | null;
            /** @description The digest that the manifest recorded, as it is written there; `null` where it recorded none. */
            sha256: string | null;
            /** @description Whether its bytes have that digest. */
            checksum: components["schemas"]["Checksum"];
        };
        /** @description One file's content. */
        ArtifactContent: {
            /** @description The name that was asked for. */
            name: string;
            /** @description Parsed JSON, a list of lines, or text; null where there is no such file, or where it is too large for this answer. */
            data: unknown;
        };
        /** @description A run's files: those that the manifest recorded, and those beneath `artifacts/`. */
        Artifacts: {
            /** @description The names of the files directly in `artifacts/`, as existing clients know them. */
            items: string[];
            /** @description Every file, by name. */
            artifacts: components["schemas"]["Artifact"][];
            /** @description There are more than are shown. */
            truncated?: boolean;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description The list, or one file's content. */
        ArtifactsAnswer: components["schemas"]["Artifacts"] | components["schemas"]["ArtifactContent"];
        /** @description A request that was just made, or that this apply joined. */
        AskedView: {
            /** @description Its id. */
            id: string;
            /** @description Until when it can be decided. */
            expires_at: string;
            /**
             * Format: int32
             * @description How many people must agree.
             */
            needs: number;
            /**
             * Format: int32
             * @description How many have.
             */
            has: number;
        };
        /**
         * @description Whether a server asks who somebody is.
         * @enum {string}
         */
        AuthenticationIs: "on" | "off";
        /** @description The narrow path's own label. */
        BoundaryView: {
            /** @description Always `queue-enqueue-from-run-only`. */
            pilot: string;
            /** @description Always `task_contract`. */
            execution_authority: string;
            /** @description Always `manual-owner-default-off`. */
            approval_mode: string;
        };
        /** @description What was done within one step. An item that was queued and ended in it is counted as both. */
        BucketView: {
            /** @description When it begins. */
            from: string;
            /**
             * Format: int64
             * @description Items that were queued.
             */
            queued: number;
            /**
             * Format: int64
             * @description Items that ended as `SUCCESS`.
             */
            succeeded: number;
            /**
             * Format: int64
             * @description Items that ended as anything else, such as `FAILURE` or `STOPPED`.
             */
            failed: number;
            /**
             * Format: int64
             * @description Items that were cancelled, or expired, before a worker had them.
             */
            cancelled: number;
            /**
             * Format: int64
             * @description Items whose worker was lost with them, and that wait for an operator since.
             */
            lost: number;
        };
        /** @description The body of a cancel. */
        CancelArgs: {
            /** @description Why. */
            reason?: string | null;
        };
        /** @description An item that a worker cannot take. */
        CannotArgs: {
            /** @description The item. */
            queue_id: string;
            /** @description Why, in one sentence. */
            why: string;
        };
        /** @description An item that a worker cannot take. */
        CannotView: {
            /** @description The item. */
            queue_id: string;
            /** @description Why, in one sentence. */
            why: string;
        };
        /**
         * @description What became of the hash chain over a run's events.
         * @enum {string}
         */
        ChainState: "verified" | "incomplete" | "broken" | "absent";
        /** @description One change that an apply would make. */
        ChangeView: {
            /** @description Always `queue`. */
            field: string;
            /** @description `already-pending` or `not-enqueued`. */
            current: string;
            /** @description Always `pending`. */
            next: string;
        };
        /** @description One difference between what was previewed and what is now. */
        ChangedView: {
            /** @description The member. */
            field: string;
            /** @description As previewed. */
            was: string;
            /** @description As it is. */
            now: string;
        };
        /** @description A signed checkpoint: how many lines a file had, and the root of the tree over them. */
        CheckpointView: {
            /** @description The file. */
            file: string;
            /** @description The log's name, which is also the key's. */
            origin: string;
            /**
             * Format: int64
             * @description How many lines it covers.
             */
            size: number;
            /** @description The root, 64 hexadecimal digits. */
            root: string;
            /** @description The public key it verifies with, as `name+id+key`. */
            key: string;
            /** @description When it was signed, as far as its file tells. */
            signed_at: string | null;
            /** @description The signed note (C2SP signed-note), with its newlines. */
            note: string;
        };
        /**
         * @description Whether a file is the one that the manifest recorded.
         * @enum {string}
         */
        Checksum: "verified" | "altered" | "missing" | "unlisted" | "unchecked";
        /** @description How many of a run's files have which checksum. */
        ChecksumCounts: {
            /**
             * Format: int64
             * @description Files whose bytes have the recorded digest.
             */
            verified: number;
            /**
             * Format: int64
             * @description Files whose bytes have another one.
             */
            altered: number;
            /**
             * Format: int64
             * @description Files that are recorded and not there.
             */
            missing: number;
            /**
             * Format: int64
             * @description Files that are there and not recorded.
             */
            unlisted: number;
            /**
             * Format: int64
             * @description Files of which nothing can be said.
             */
            unchecked: number;
        };
        /** @description The body of a claim. */
        ClaimArgs: {
            /** @description What the worker calls itself. */
            worker?: string | null;
            /**
             * Format: int32
             * @description For how long the lease holds without a heartbeat, in seconds: 1 to 86,400.
             */
            lease_s?: number | null;
            /** @description This item and no other, if it may be claimed now; without it, the next. */
            queue_id?: string | null;
        };
        /** @description A claim's answer. */
        ClaimedView: {
            /** @description Whether there was an item to claim. */
            ok: boolean;
            /** @description Why there was none: `queue empty`, `paused` or `at capacity`. */
            reason?: components["schemas"]["IdleReason"];
            /** @description The item. */
            item?: components["schemas"]["ItemView"];
            /** @description The right to write about this item: every heartbeat, completion and release takes it. Keep it secret. */
            lease_token?: string;
            /** @description Until when it is yours without a heartbeat. For people: no wall clock ends a lease. */
            lease_expires_at?: string;
            /**
             * Format: int64
             * @description For how long it is yours without a heartbeat, in seconds; one every quarter of it is right.
             */
            lease_s?: number;
            /**
             * Format: int32
             * @description The how-manieth claim of this item it is, from 1.
             */
            attempt?: number;
            /** @description Digest of the contract to execute; its pinned copy is what was approved. */
            contract_sha256?: string;
        };
        /**
         * @description Why something was refused. Stable: clients decide by it. Each has a page under docs/errors.
         * @enum {string}
         */
        Code: "UNAUTHENTICATED" | "AUTH_MISSING_BEARER" | "AUTH_INVALID_TOKEN" | "MUTATION_GATE_CLOSED" | "FROZEN" | "CONFIRM_REQUIRED" | "ROLE_REQUIRED" | "ROLE_FORBIDDEN" | "ROLE_MISMATCH" | "METADATA_REQUIRED" | "METADATA_REJECTED" | "IDEMPOTENCY_CONFLICT" | "RUN_ID_INVALID" | "RUN_NOT_FOUND" | "RUN_UNREADABLE" | "CONTRACT_ALTERED" | "RUN_AWAITING_APPROVAL" | "PREVIEW_REQUIRED" | "PREVIEW_EXPIRED" | "PREVIEW_STALE" | "ALREADY_PENDING" | "LINEAGE_LIMIT" | "PENDING_LIMIT" | "RATE_LIMITED" | "SCOPE_FORBIDDEN" | "SELF_APPROVAL" | "APPROVER_UNVERIFIED" | "APPROVAL_NOT_FOUND" | "APPROVAL_EXPIRED" | "APPROVAL_DECIDED" | "POLICY_BELOW_FLOOR" | "TOKEN_NOT_FOUND" | "TOKEN_LIMIT" | "QUEUE_ITEM_NOT_FOUND" | "QUEUE_ITEM_NOT_CANCELLABLE" | "QUEUE_ITEM_NOT_CLAIMED" | "LEASE_INVALID" | "QUEUE_ITEM_NOT_HELD" | "QUEUE_ITEM_NOT_STOPPABLE" | "STOP_NOT_REQUESTED" | "RECEIPT_NOT_COVERED" | "RECEIPT_NO_KEY" | "RECEIPT_NOT_FOUND" | "WORKFLOW_NOT_FOUND" | "ARTIFACT_NOT_FOUND" | "ARGUMENTS_INVALID" | "REQUEST_VALIDATION_ERROR" | "NOT_FOUND" | "NOT_PART_OF_CORTEXPILOT" | "METHOD_NOT_ALLOWED" | "UNSUPPORTED_MEDIA_TYPE" | "BODY_TOO_LARGE" | "REQUEST_TIMEOUT" | "HOST_NOT_ALLOWED" | "ORIGIN_NOT_ALLOWED" | "LEDGER_CORRUPT" | "LEDGER_NEWER" | "STORE_UNAVAILABLE" | "STORE_FULL" | "OUTCOME_UNKNOWN" | "INTERNAL";
        /** @description One of two compared runs. */
        ComparedRun: {
            /** @description The run. */
            run_id: string;
            /** @description `manifest.status`. */
            status: string | null;
            /** @description How it ended. */
            outcome_type: string;
            /** @description Why it failed or stands still, else empty. */
            failure_code: string;
            /** @description `manifest.task_id`. */
            task_id: string | null;
            /** @description `manifest.workflow.workflow_id`, else empty. */
            workflow_id: string;
            /** @description `manifest.created_at`, else `manifest.start_ts`. */
            created_at: string | null;
            /** @description `manifest.finished_at`, else `manifest.end_ts`. */
            finished_at: string | null;
            /**
             * Format: double
             * @description Seconds from one to the other; `null` where one of them is no time.
             */
            duration_s: number | null;
            /** @description The SHA-256 of `contract.json`; `null` where it cannot be read. */
            contract_sha256: string | null;
            /**
             * Format: int64
             * @description How many events there are.
             */
            events: number;
            /**
             * Format: int64
             * @description How many files changed.
             */
            files_changed: number;
            /**
             * Format: int64
             * @description How many reports are stored.
             */
            reports: number;
        };
        /** @description Two runs beside each other. */
        Comparison: {
            /** @description The run that the comparison was asked of. */
            run: components["schemas"]["ComparedRun"];
            /** @description The one it is compared with. */
            other: components["schemas"]["ComparedRun"];
            /** @description Which of status, outcome_type, failure_code, task_id, workflow_id and contract_sha256 differ. */
            different: string[];
            /** @description The files that changed in the one and not in the other. */
            files: components["schemas"]["NameDifference"];
            /** @description The stored reports, compared as JSON. */
            reports: components["schemas"]["NameDifference"];
            /** @description How often each event happened, where the counts differ. */
            events: {
                [key: string]: components["schemas"]["EventCounts"];
            };
        };
        /** @description The body of a completion. */
        CompleteArgs: {
            /** @description What the claim answered. */
            lease_token?: string | null;
            /** @description `SUCCESS`, `FAILURE`, or `STOPPED` where an operator asked for that. */
            status?: string | null;
            /** @description Why it ended like this, in one sentence. */
            reason?: string | null;
        };
        /**
         * @description Whether a run's manifest vouches for its task contract.
         * @enum {string}
         */
        ContractEvidenceState: "verified" | "absent" | "altered";
        /** @description How many items there are, by where they stand. */
        CountsView: {
            /**
             * Format: int64
             * @description All of them.
             */
            total: number;
            /** @description By `queue_state`. */
            by_state: components["schemas"]["StatesView"];
            /** @description By `status`: `PENDING`, `CLAIMED`, `LOST` and `DEAD_LETTER` always, of the closed ones those that there are. `OTHER` stands for what the original wrote that is no word. */
            by_status: {
                [key: string]: number;
            };
        };
        /** @description The body of every decision: why. */
        DecisionArgs: {
            /** @description Why. */
            reason?: string | null;
        };
        /** @description A line of the record of refusals and decisions, as facts. What does not apply is null. */
        DecisionView: {
            /**
             * Format: int64
             * @description The line's number, from 1.
             */
            seq: number;
            /** @description `DENIED`, or what was decided. */
            event: string;
            /** @description When. */
            ts: string;
            /** @description The code of a refusal. */
            code: string | null;
            /** @description Who was refused, or who decided. */
            principal: string;
            /** @description Where: `mcp`, `http` or `cli`. */
            surface: string;
            /** @description The run it was about. */
            run_id: string | null;
            /** @description The request it was about. */
            approval_id: string | null;
            /** @description Why. */
            reason: string | null;
            /**
             * Format: int64
             * @description How many refusals the line stands for; 1 of every other line.
             */
            count: number;
            /** @description What the event says beside that, under the names that its line has for it. */
            details: Record<string, never>;
            /** @description The line's hash. */
            h: string;
        };
        /** @description One page of a list. */
        DecisionViewPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["DecisionView"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description One run at the diff gate. */
        DiffGateRow: {
            /** @description The run. */
            run_id: string;
            /** @description The context of its last `DIFF_GATE_RESULT`, else `{}`. */
            diff_gate: Record<string, never>;
            /** @description `manifest.status`. */
            status: string | null;
            /** @description `manifest.failure_reason`. */
            failure_reason: string | null;
            /** @description `contract.allowed_paths` as written. */
            allowed_paths: unknown[];
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        DiffGateRowList: components["schemas"]["DiffGateRow"][] | components["schemas"]["DiffGateRowPage"];
        /** @description One page of a list. */
        DiffGateRowPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["DiffGateRow"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description What executing the task contract would do. */
        EffectView: {
            /** @description Paths it may change. */
            allowed_paths: string[];
            /** @description Commands of its acceptance tests. */
            commands: string[];
            /** @description Permissions by name. */
            tool_permissions: {
                [key: string]: string;
            };
            /** @description The runner's name. */
            runner: string;
            /**
             * Format: int64
             * @description The hard time limit, in seconds.
             */
            timeout_s: number | null;
        };
        /**
         * @description What a client's own dialog was answered.
         * @enum {string}
         */
        ElicitedAnswer: "accept" | "decline" | "cancel";
        /** @description What a client's own dialog was answered. */
        ElicitedView: {
            /** @description `accept`, `decline` or `cancel`. */
            answer: components["schemas"]["ElicitedAnswer"];
            /** @description What was written there, if anything. */
            comment: string | null;
            /** @description When. */
            at: string;
        };
        /**
         * @description How a request ended that was not queued.
         * @enum {string}
         */
        EndedHow: "rejected" | "expired";
        /** @description How a request ended that was not queued. */
        EndedView: {
            /** @description `rejected` or `expired`. */
            how: components["schemas"]["EndedHow"];
            /** @description Who rejected it, in which role. */
            by: string | null;
            /** @description Why it was rejected. */
            reason: string | null;
            /** @description When; of one that expired, its last moment. */
            at: string;
        };
        /** @description An apply's body: the arguments that every surface takes, and the one that an operator alone has. */
        EnqueueArgs: {
            run_id?: string | null;
            /** Format: int64 */
            priority?: number | null;
            scheduled_at?: string | null;
            deadline_at?: string | null;
            actor_role?: string | null;
            requested_by?: string | null;
            approval_reason?: string | null;
            confirm?: boolean | null;
            preview_token?: string | null;
            idempotency_key?: string | null;
            allow_duplicate?: boolean | null;
            confirm_run_id?: string | null;
        };
        /** @description A line as facts and as it stands, for whoever verifies it: `h` is the SHA-256 of the `h` before it and of `line` up to `, "h":`. */
        EntryView: components["schemas"]["LineView"] & {
            /** @description The line without its newline; null where the original wrote one that is no UTF-8 or longer than a line can be. */
            line: string | null;
            /**
             * Format: int64
             * @description How many bytes it has, without its newline.
             */
            bytes: number;
        };
        /** @description One page of a list. */
        EntryViewPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["EntryView"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description How often one event happened in each of two runs. */
        EventCounts: {
            /**
             * Format: int64
             * @description In the run.
             */
            run: number;
            /**
             * Format: int64
             * @description In the other one.
             */
            other: number;
        };
        /** @description Why a run failed or stands still, as manifest and events tell. Members that do not apply are empty. */
        Failure: {
            /** @description `gate`, `manual`, `env`, `product`, or what the manifest says. */
            failure_class: string;
            /** @description A code, for example `DIFF_GATE_REJECTED`. */
            failure_code: string;
            /** @description The stage, for example `diff_gate`. */
            failure_stage: string;
            /** @description One sentence. The name is historic; the text is English. */
            failure_summary_zh: string;
            /** @description What to do about it. The name is historic; the text is English. */
            action_hint_zh: string;
            /** @description The event that the classification rests on. */
            root_event: string;
        };
        /** @description One thing that could not be read as what it must be, reported beside all that could. */
        FileProblem: {
            /** @description The file, relative to the run directory; in answers about several runs, relative to the runs root. */
            file: string;
            /**
             * Format: int64
             * @description The line, counted from 1, in a file of lines.
             */
            line?: number;
            /** @description What is wrong, in our own words: never text from the run. */
            problem: string;
        };
        /** @description One of the two chained files. */
        FileView: {
            /** @description Its name. */
            file: string;
            /**
             * Format: int64
             * @description How many lines were read: the number of the last.
             */
            lines: number;
            /** @description The last line's hash; 64 zeros of an empty file. */
            h: string;
            checkpoint: components["schemas"]["CheckpointView"] | null;
        };
        /** @description A freeze, or a pause. */
        FrozenView: {
            /** @description Since when. */
            since: string;
            /** @description The principal in its role. */
            by: string;
            /** @description Why, if it was said. */
            reason: string | null;
        };
        /**
         * @description A check between a preview and the queue, in the order of docs/reference/gates.md.
         * @enum {string}
         */
        GateName: "authenticated" | "mutation_gate" | "confirm" | "role" | "metadata" | "run" | "preview" | "limits" | "approval_policy";
        /** @description How the gate stands in a server, and since when and by whom it does. */
        GateStandingView: components["schemas"]["StandingView"] & {
            /** @description Since when `agents_may_queue` is what it is, and by whom: an operator in its role, or where this server's own settings make it so, what `gate_set` or `policy_set` names, since its start. */
            since: components["schemas"]["SetView"];
            /** @description Who set this server's own switch, which it reads when it starts: `default`, `environment`, `command line` or `cortexpilot.toml`. */
            gate_set: components["schemas"]["SetView"];
            /** @description Who set the policy that holds: whoever set the floor, where that is the stricter one; else as `gate_set`. */
            policy_set: components["schemas"]["SetView"];
        };
        /** @description One check. */
        GateView: {
            /** @description Its name. */
            gate: components["schemas"]["GateName"];
            /** @description `null` where its input comes only with apply, and where people are asked. */
            open: boolean | null;
            code: components["schemas"]["Code"] | null;
            /** @description Why it is shut, or when it is open. */
            reason: string;
        };
        /** @description That the process answers. */
        Health: {
            /** @description Always `ok`; whatever is not ok is no 200. */
            status: string;
            /** @description Only where signing fails: no checkpoint covers what was written last. Commits go on, so this is not red. */
            checkpoints?: string;
        };
        /** @description The body of a heartbeat. */
        HeartbeatArgs: {
            /** @description What the claim answered. */
            lease_token?: string | null;
            progress?: components["schemas"]["ProgressArgs"] | null;
        };
        /** @description A heartbeat's answer. */
        HeartbeatView: {
            /** @description Always true: the item is still yours. */
            ok: boolean;
            /** @description Until when it is without another heartbeat; null where it does not end by itself. For people. */
            lease_expires_at: string | null;
            stop: components["schemas"]["StopView"] | null;
        };
        /**
         * @description Why an item is held for an operator.
         * @enum {string}
         */
        HeldHow: "LOST" | "DEAD_LETTER";
        /** @description Why an item waits for an operator, who requeues it or fails it. */
        HeldView: {
            /** @description `LOST`: nobody knows what became of its run. `DEAD_LETTER`: it was lost as often as its contract lets it be repeated. */
            kind: components["schemas"]["HeldHow"];
            /** @description In words. */
            reason: string;
            /** @description Who ended the claim; left out where its worker fell silent. */
            by?: string;
            /** @description Since when. */
            at: string;
        };
        /** @description A line in the history of an item. */
        HistoryLineView: components["schemas"]["LineView"] & {
            /** @description Where to ask for the proof that this line is signed; of several lines that did the same, the last. */
            receipt: string | null;
        };
        /** @description What became of an item, line by line. */
        HistoryView: {
            /** @description The item as it stands. */
            item: components["schemas"]["ItemView"];
            /** @description Its lines in the ledger, in their order. */
            lines: components["schemas"]["HistoryLineView"][];
        };
        /**
         * @description Why a claim found nothing.
         * @enum {string}
         */
        IdleReason: "queue empty" | "paused" | "at capacity";
        /** @description What one MCP client is told, to start the read-only server on this server's machine. */
        InstallView: {
            /** @description The client, as `cortexpilot mcp install` names it. */
            client: string;
            /** @description As people name it. */
            title: string;
            /** @description For whom the entry counts: `user` or `project`. */
            scope: string;
            /** @description The client's file, on this server's machine. */
            file: string;
            /** @description The entry as it would stand in an empty file. */
            text: string;
            /** @description The client's own command that adds the same; `null` where it has none. */
            client_command: string | null;
            /** @description The command that shows it, and with `--write` writes it where `written` is true. */
            command: string;
            /** @description Whether that command writes the file; otherwise it prints what is to be put there. */
            written: boolean;
        };
        /** @description A queue item as every surface shows it: the original's nineteen members in its order, then what only some items have, each left out where there is nothing to say. Of the nineteen, texts are empty then. */
        ItemView: {
            /** @description The item's id; empty in a preview. */
            queue_id: string;
            /** @description The task it repeats. */
            task_id: string;
            /** @description The owning agent. */
            owner: string;
            /** @description Absolute path of the source run's contract. */
            contract_path: string;
            /** @description The workflow case. */
            workflow_id: string;
            /** @description The run it was derived from. */
            source_run_id: string;
            /** @description `PENDING`, `CLAIMED`, `LOST` or `DEAD_LETTER` (held for an operator), `CANCELLED`, `EXPIRED`, or how it ended: `SUCCESS`, `FAILURE`, `STOPPED`. */
            status: string;
            /**
             * Format: int64
             * @description −100 to 100, higher first.
             */
            priority: number;
            /** @description Not to be claimed before, as sent. */
            scheduled_at: string;
            /** @description Should be finished by, as sent. */
            deadline_at: string;
            /** @description The run that comes or came out of it. */
            run_id: string;
            /** @description When it was claimed. */
            claimed_at: string;
            /** @description When it was finished. */
            completed_at: string;
            /** @description `in_progress`, `completed`, `ended`, `scheduled`, `breached`, `at_risk` or `on_track`. */
            sla_state: components["schemas"]["SlaState"];
            /** @description `claimed`, `closed`, `eligible`, `waiting` or `held`. */
            queue_state: components["schemas"]["QueueState"];
            /** @description Whether a worker may claim it now. */
            eligible: boolean;
            /** @description `scheduled_for_future`, `backing_off` after a claim that came to nothing, or empty. */
            waiting_reason: components["schemas"]["WaitingReason"];
            /** @description When it was enqueued; empty in a preview. */
            created_at: string;
            /** @description When it was cancelled. */
            cancelled_at: string;
            /** @description Why it was cancelled, or why it ended as it did. */
            reason?: string;
            /** @description Who cancelled it, in which role. */
            cancelled_by?: string;
            /** @description The principal that queued it, where its line says so. */
            asked_by?: string;
            /** @description The operator, in which role, that closed it when it was held. */
            ended_by?: string;
            /**
             * Format: int32
             * @description How often it was claimed.
             */
            attempts?: number;
            /** @description Not to be claimed before: after a claim that came to nothing. */
            not_before?: string;
            /** @description The worker that has or had it, as it names itself. */
            worker?: string;
            /** @description Until when its claim would hold without another word: as of the claim, and in the item's own view as of the last heartbeat. For people; no wall clock ends a lease. */
            lease_expires_at?: string;
            /** @description An operator's request that its work end. Not a rollback: what was done is done. */
            stop?: components["schemas"]["StopView"];
            /** @description Why it waits for an operator. */
            held?: components["schemas"]["HeldView"];
            /** @description The repository that its run works on, where the source run names one. */
            repository?: string;
            /** @description What its worker last said, in the item's own view. */
            progress?: components["schemas"]["ProgressView"];
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        ItemViewList: components["schemas"]["ItemView"][] | components["schemas"]["ItemViewPage"];
        /** @description One page of a list. */
        ItemViewPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["ItemView"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /**
         * @description What a principal is.
         * @enum {string}
         */
        Kind: "operator" | "agent" | "worker" | "anonymous";
        /** @description How the ledger stands, as far as this process knows. */
        LedgerView: {
            /** @description What was done. */
            queue: components["schemas"]["FileView"];
            /** @description What was refused and decided. */
            decisions: components["schemas"]["FileView"];
            /** @description When the queue's last line was written; null of an empty one. */
            last_ts: string | null;
            /** @description Whether lines can be written. Otherwise `refuses_writes` says why not. */
            sound: boolean;
            /** @description The code of what stands in the way of writing; null where nothing does. */
            refuses_writes: string | null;
            /** @description What is wrong, line by line. */
            problems: components["schemas"]["ProblemView"][];
            /** @description How signing stands here: `waiting`, `no_key`, `signed` or `failing`; null in a process that signs nothing. */
            signing: string | null;
            /** @description Where the freeze and the policy floor are shown. */
            gate: string;
        };
        /** @description A line of the queue's ledger, as facts. What does not apply is null. */
        LineView: {
            /**
             * Format: int64
             * @description The line's number, from 1.
             */
            seq: number;
            /** @description What was done: `QUEUE_ENQUEUE`, `QUEUE_CANCEL`, `QUEUE_CLAIM`, `QUEUE_DONE`, `QUEUE_STOP`, `QUEUE_HOLD`, `QUEUE_REQUEUE`, `QUEUE_EXPIRE`, `LEDGER_REPAIRED`, `LEDGER_ADOPTED`, or the event of a newer version; empty where a line of the original says nothing. */
            event: string;
            /** @description When. */
            ts: string | null;
            /** @description The item it is about. */
            queue_id: string | null;
            /** @description Whose doing it was: the principal of an enqueue; of a cancel, with its role; of a claim, the worker as it names itself; of what an operator did about a claimed or held item, the operator with the role. */
            by: string | null;
            /** @description Why, as stated. */
            reason: string | null;
            /** @description The line's hash; null on a line of the original. */
            h: string | null;
            /** @description Why a line of the original changes nothing; left out of every other line. */
            problem?: string;
        };
        /** @description A lower floor that waits for a second operator. */
        LoweringView: {
            /** @description To which policy. */
            to: components["schemas"]["Policy"];
            /** @description Who proposed it; another operator must agree. */
            by: string;
            /** @description Since when. */
            at: string;
            /** @description Until when it can be agreed to here. */
            until: string;
        };
        /**
         * @description Whether anything can be queued here: not in this process, yes, or stopped by operators.
         * @enum {string}
         */
        MutationGateState: "default-off" | "open" | "frozen";
        /** @description What is only in one of two runs, and what is in both and differs. Names stand in their order. */
        NameDifference: {
            /** @description Only in the run. */
            only_in_run: string[];
            /** @description Only in the other one. */
            only_in_other: string[];
            /** @description In both, with different content. Empty where the content is not compared. */
            different: string[];
        };
        /** @description What may be claimed now. */
        NextView: {
            /** @description The items, in the order in which they would be claimed. */
            items: components["schemas"]["ItemView"][];
            /** @description Why there is none: `queue empty`, `paused`, `at capacity` or `frozen`. */
            reason?: components["schemas"]["NothingNext"];
        };
        /**
         * @description Why nothing may be claimed now: as a claim says, or that operators have frozen the system.
         * @enum {string}
         */
        NothingNext: "queue empty" | "paused" | "at capacity" | "frozen";
        /** @description How a run ended, in one word and in words for people. */
        Outcome: {
            /** @description `success`, `gate`, `manual`, `env`, `product`, `failure`, `in_progress` or `unknown`. */
            outcome_type: string;
            /** @description The same in words. The name is historic; the text is English. */
            outcome_label_zh: string;
        };
        /** @description A pending item of the same run. */
        PendingMatchView: {
            /** @description Its id. */
            queue_id: string;
            /**
             * Format: int64
             * @description −100 to 100.
             */
            priority: number;
            /** @description Not to be claimed before. */
            scheduled_at: string;
            /** @description Should be finished by. */
            deadline_at: string;
            /** @description When it was queued. */
            created_at: string;
            /** @description Who had it queued; blank where its line does not say. */
            principal: string;
        };
        /** @description An apply's answer where the policy wants people to decide. It is no error, and no item exists yet. */
        PendingView: {
            /** @description Always `PENDING_APPROVAL`. */
            status: string;
            /** @description The request that people decide. */
            approval: components["schemas"]["AskedView"];
            /** @description What to do now. */
            next_step: string;
        };
        /** @description The plain answer that existing clients know, for a path that is not there. */
        PlainRefusal: {
            /** @description In words. */
            detail: string;
        };
        /**
         * @description Who says yes to an apply.
         * @enum {string}
         */
        Policy: "declared" | "operator" | "two-person";
        /** @description The body of a presence. */
        PresenceArgs: {
            /** @description What the worker calls itself. */
            worker?: string | null;
            /** @description Where it runs. */
            host?: string | null;
            /**
             * Format: int32
             * @description Its process there.
             */
            pid?: number | null;
            /** @description Of which version it is. */
            version?: string | null;
            /** @description Since when it runs, as ISO 8601 with an offset or `Z`. */
            started_at?: string | null;
            /** @description It takes nothing new. */
            draining?: boolean | null;
            /**
             * Format: int32
             * @description How many items it works on at once.
             */
            slots?: number | null;
            /** @description Those it works on now, by their ids. */
            running?: string[] | null;
            /** @description Those it cannot take, and why. */
            cannot?: components["schemas"]["CannotArgs"][] | null;
            /** @description It is there no more: what it said before is taken away. */
            gone?: boolean | null;
        };
        /** @description A presence's answer. */
        PresentView: {
            /** @description Always true: it was written down. */
            ok: boolean;
            /**
             * Format: int64
             * @description After so many seconds without another word the worker is not shown any more.
             */
            again_within_s: number;
        };
        /** @description The arguments of a preview. `run_id` may be left out as far as types go: that is the run gate's to refuse. */
        PreviewArgs: {
            /** @description The run. */
            run_id?: string | null;
            /**
             * Format: int64
             * @description Any integer; clamped to −100…100.
             */
            priority?: number | null;
            /** @description ISO 8601 with offset. */
            scheduled_at?: string | null;
            /** @description ISO 8601 with offset. */
            deadline_at?: string | null;
        };
        /** @description A preview as every surface answers it. All members are always present. */
        PreviewView: {
            /** @description The source run. */
            run_id: string;
            /** @description Always `fail-closed`. */
            validation: string;
            /** @description Every check that needs no apply input is open. */
            can_apply: boolean;
            /** @description The item as it would be queued. */
            preview_item: components["schemas"]["ItemView"];
            /** @description What executing it would do. */
            effect: components["schemas"]["EffectView"];
            /** @description Pending items of the same run. */
            pending_matches: components["schemas"]["ItemView"][];
            /** @description What would change. */
            changes: components["schemas"]["ChangeView"][];
            /** @description What this can never become. */
            boundary: components["schemas"]["BoundaryView"];
            /** @description The inputs that an apply needs beside these. */
            required_apply_inputs: string[];
            /** @description Roles that may apply, sorted. */
            allowed_roles: string[];
            /** @description Who you are here. */
            acting_as: components["schemas"]["ActingAsView"];
            /** @description `default-off`, `open`, or `frozen` where operators have stopped every apply. */
            mutation_gate: components["schemas"]["MutationGateState"];
            /** @description Who says yes. */
            approval_policy: components["schemas"]["Policy"];
            approval: components["schemas"]["ApprovalView"] | null;
            /** @description Every check, in order of precedence. */
            gates: components["schemas"]["GateView"][];
            /** @description What whoever says yes should know. */
            warnings: components["schemas"]["WarningView"][];
            /** @description What to do now. */
            next_step: string;
            /** @description SHA-256 over everything this preview rests on. */
            preview_digest: string;
            /** @description What to pass to the apply; empty when this process has no key. */
            preview_token: string;
            /** @description Until when it may be applied. */
            expires_at: string;
        };
        /** @description Something of a list that could not be read. */
        Problem: {
            /** @description The file, below the directory that was looked in; never an absolute path. */
            file: string;
            /**
             * Format: int64
             * @description The line, counted from 1, where it is one line that cannot be read.
             */
            line?: number;
            /** @description What is wrong with it. */
            problem: string;
        };
        /** @description Something wrong with a file of the store. */
        ProblemView: {
            /** @description The file's name. */
            file: string;
            /**
             * Format: int64
             * @description The line, from 1.
             */
            line: number;
            /** @description What is wrong. */
            problem: string;
        };
        /** @description How far a worker is, for people to see. */
        ProgressArgs: {
            /** @description What it does now, in a word. */
            stage?: string | null;
            /** @description One sentence about it. */
            message?: string | null;
            /**
             * Format: int64
             * @description How many events its run has so far.
             */
            events?: number | null;
        };
        /** @description What a worker last said of an item it works on. For people: nothing but the lease rests on it. */
        ProgressView: {
            /** @description What it does now. */
            stage: string;
            /** @description One sentence about it. */
            message: string;
            /**
             * Format: int64
             * @description How many events its run has so far.
             */
            events: number;
            /** @description When it last said that it goes on. */
            at: string;
            /**
             * Format: int64
             * @description How many times it said so.
             */
            beats: number;
        };
        /**
         * @description Where an item stands in the queue.
         * @enum {string}
         */
        QueueState: "claimed" | "closed" | "eligible" | "waiting" | "held";
        /** @description The item that a request became. */
        QueuedView: {
            /** @description Its id. */
            queue_id: string;
            /** @description Where it stands now. */
            current_status: string;
            /** @description When it was queued. */
            queued_at: string;
            /** @description Everybody who said yes, each in a role: as its line has it. */
            approvals: string[];
        };
        /** @description With `Prefer: receipt`, members of the answer beside its own; without, left out. One of the two is null. */
        ReceiptMembers: {
            receipt?: components["schemas"]["ReceiptView"] | null;
            receipt_problem?: components["schemas"]["ReceiptProblemView"] | null;
        };
        /** @description Why an acknowledgement comes without the receipt that was asked for. What was done stands. */
        ReceiptProblemView: {
            /** @description A code of the table. */
            code: components["schemas"]["Code"];
            /** @description In words. */
            reason: string;
            /** @description What to do about it. */
            next_step: string;
        };
        /** @description A receipt, as `docs/reference/receipts.md` has it. Kept as a file of its own it verifies as it is. */
        ReceiptView: {
            /** @description Always `cortexpilot-receipt/1`. */
            format: string;
            /**
             * Format: int64
             * @description The line's place in its file; the first is 0.
             */
            index: number;
            /** @description 64 hexadecimal digits. */
            leaf_hash: string;
            /** @description Likewise, each. */
            inclusion: string[];
            /** @description The signed checkpoint, with its newlines. */
            checkpoint: string;
        };
        /** @description Any answer that is not a yes. */
        Refusal: {
            /** @description Which, why, and what to do. */
            detail: components["schemas"]["RefusalDetail"];
        };
        /** @description A refusal, with the name under which its request is found elsewhere. */
        RefusalDetail: components["schemas"]["RefusalView"] & {
            /** @description The trace id, as in the header `x-trace-id`. */
            trace_id: string;
        };
        /** @description Why not, whether to try again, who can act, and the next step. Never a path, a variable (to a model) or text from a run. */
        RefusalView: {
            /** @description The code; stable. */
            code: components["schemas"]["Code"];
            /** @description What was wrong. */
            reason: string;
            /** @description `never`, `after_fix`, `after_preview` or `after_wait`. */
            retry: components["schemas"]["Retry"];
            /** @description `you` or `operator`. */
            who_can_act: components["schemas"]["WhoCanAct"];
            /** @description What changed since the preview. */
            changed?: components["schemas"]["ChangedView"][];
            /** @description Who you are here. */
            acting_as?: components["schemas"]["ActingAsView"];
            /** @description The item it is about. */
            queue_id?: string;
            /**
             * Format: int32
             * @description After how many seconds the same request may be let through; where waiting is what helps.
             */
            retry_after_s?: number;
            /** @description What to do now. */
            next_step: string;
            /** @description For finding this refusal in the server's log. */
            request_id: string;
        };
        /** @description The body of a release. */
        ReleaseArgs: {
            /** @description What the claim answered. */
            lease_token?: string | null;
            /** @description Whether anything of it was carried out. Left out, it is taken that something was. */
            started?: boolean | null;
            /** @description Why. */
            reason?: string | null;
        };
        /** @description One report. */
        Report: {
            /** @description Its file name. */
            name: string;
            /** @description Its content; `{"raw": …}` when that is no JSON. */
            data: unknown;
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        ReportList: components["schemas"]["Report"][] | components["schemas"]["ReportPage"];
        /** @description One page of a list. */
        ReportPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["Report"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /**
         * @description Where a report comes from.
         * @enum {string}
         */
        ReportSource: "stored" | "derived" | "none";
        /** @description Who asks. */
        RequesterView: {
            /** @description The authenticated principal. */
            principal: string;
            /** @description `operator`, `agent`, `worker` or `anonymous`. */
            kind: components["schemas"]["Kind"];
            /** @description Who answers for it, where it is an agent. */
            sponsor: string | null;
        };
        /**
         * @description Whether, and after what, the same request is worth sending again.
         * @enum {string}
         */
        Retry: "never" | "after_fix" | "after_preview" | "after_wait";
        /**
         * @description The same where the run was looked at: `STALE` where what was asked has changed, so that nobody can approve it.
         * @enum {string}
         */
        ReviewState: "PENDING" | "APPROVED" | "REJECTED" | "EXPIRED" | "STALE";
        /** @description A request with everything that deciding it rests on. */
        ReviewView: {
            /** @description Its id. */
            id: string;
            /** @description `PENDING`: people may decide. `APPROVED`: it was queued. `REJECTED` or `EXPIRED`: it was not. `STALE`: what was asked has changed since, so that nobody can approve it. */
            status: components["schemas"]["ReviewState"];
            /**
             * Format: int32
             * @description How many people must agree.
             */
            needs: number;
            /**
             * Format: int32
             * @description How many have.
             */
            has: number;
            /** @description The policy it was asked under. */
            approval_policy: components["schemas"]["Policy"];
            /** @description `default-off`, `open` or `frozen`: only where it is open can this process approve. */
            mutation_gate: components["schemas"]["MutationGateState"];
            effect: components["schemas"]["ShownEffectView"] | null;
            /** @description What the new item has that the source run did not have. */
            differs: components["schemas"]["ChangedView"][];
            /** @description What is not as it was when people were asked. While anything is, nobody can approve. */
            changed: components["schemas"]["ChangedView"][];
            run_problem: components["schemas"]["RunProblemView"] | null;
            /** @description What whoever decides should know. */
            warnings: components["schemas"]["WarningView"][];
            /** @description Who asks. */
            requester: components["schemas"]["RequesterView"];
            /** @description Others who asked for the same; they count as asking. */
            joined: components["schemas"]["RequesterView"][];
            /** @description How many others that is, those that are not shown included. */
            joined_count: number;
            /** @description What the requester asked for within 24 hours, this included. */
            today: components["schemas"]["TodayView"];
            /** @description What you are to it. */
            you: components["schemas"]["YouView"];
            /** @description Who has said yes, while more people are needed. */
            approvals: components["schemas"]["YesView"][];
            ended: components["schemas"]["EndedView"] | null;
            item: components["schemas"]["QueuedView"] | null;
            /** @description The run that it is about. */
            run_id: string;
            run: components["schemas"]["RunSummaryView"] | null;
            /**
             * Format: int64
             * @description −100 to 100, higher first.
             */
            priority: number;
            /** @description Not to be claimed before, as sent; blank for at once. */
            scheduled_at: string;
            /** @description Should be finished by, as sent; blank for no deadline. */
            deadline_at: string;
            /**
             * Format: int32
             * @description How many items deep it would be.
             */
            depth: number;
            /**
             * Format: int32
             * @description How deep an item may be.
             */
            depth_max: number;
            /** @description Pending items of the same run. */
            pending_matches: components["schemas"]["PendingMatchView"][];
            /** @description How many that are, those that are not shown included. */
            pending_count: number;
            /** @description Through what it was asked: `mcp`, `http` or `cli`. */
            surface: components["schemas"]["SurfaceName"];
            /** @description The role it was asked in. */
            actor_role: string;
            /** @description When it was asked. */
            asked_at: string;
            /** @description Until when it can be decided; not at that moment. */
            expires_at: string;
            /**
             * Format: int64
             * @description How many whole seconds that is from now; 0 when it is over.
             */
            expires_in_s: number;
            /** @description Digest of the task contract that was shown. */
            contract_sha256: string;
            /** @description Digest of the preview it rests on. */
            preview_digest: string;
            /** @description What the caller wrote. No word of it is checked. */
            stated: components["schemas"]["StatedView"];
        };
        /** @description A run compared: as its writer did, or here and now with another. */
        RunCompare: {
            /** @description The run. */
            run_id: string;
            /** @description Where the comparison comes from. */
            source: components["schemas"]["ReportSource"];
            /** @description `compare_summary` of the stored report, else `{}`. */
            compare_summary: Record<string, never>;
            /** @description The stored report, `run_compare_report.json`, else `{}`. */
            report: Record<string, never>;
            comparison: components["schemas"]["Comparison"] | null;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description One run with its documents, in the operator's shape. [`RunSnapshot`] is the other one. */
        RunDetail: components["schemas"]["Failure"] & components["schemas"]["Outcome"] & {
            /** @description The directory's name. */
            run_id: string;
            /** @description `manifest.task_id`. */
            task_id: string | null;
            /** @description `manifest.status`. */
            status: string | null;
            /** @description `contract.allowed_paths` as written; empty when it is not a list. */
            allowed_paths: unknown[];
            /** @description The contract; `{}` when it is missing or cannot be read. */
            contract: Record<string, never>;
            /** @description The manifest; `{}` when it cannot be read. */
            manifest: Record<string, never>;
            /** @description Which role, tools and runtime the run was bound to: what the manifest recorded, else what the contract alone tells. Never an authority to execute. */
            role_binding_read_model: Record<string, never>;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description What a run changed. */
        RunDiff: {
            /** @description `patch.diff` as text; empty where the run has none. Bytes that are not UTF-8 are replaced, and that is a problem. */
            diff: string;
            /** @description The files that changed: those that `diff_name_only.txt` names, else those that the diff names. */
            files: string[];
            /** @description The diff goes on beyond what is shown. */
            truncated?: boolean;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description A document of a run, as it was written: any members. */
        RunDocument: {
            [key: string]: unknown;
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        RunDocumentList: components["schemas"]["RunDocument"][] | components["schemas"]["RunDocumentPage"];
        /** @description One page of a list. */
        RunDocumentPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["RunDocument"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description What went wrong with a run, or what it waits for. */
        RunIncident: components["schemas"]["Failure"] & components["schemas"]["Outcome"] & {
            /** @description The run. */
            run_id: string;
            /** @description Where the pack comes from. */
            source: components["schemas"]["ReportSource"];
            /** @description `incident_pack.json`, stored or as the run's state implies it, else `{}`. */
            incident_pack: Record<string, never>;
            /** @description Whether it waits for a human approval; `null` when its events cannot be read. */
            awaits_approval: boolean | null;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description Why the run stands in the way. */
        RunProblemView: {
            /** @description The code that approving would be refused with. */
            code: components["schemas"]["Code"];
            /** @description In a sentence. */
            reason: string;
        };
        /** @description What can be shown for a run: its proof pack, and whether its evidence is still what was recorded. */
        RunProof: {
            /** @description The run. */
            run_id: string;
            /** @description Where the pack comes from. */
            source: components["schemas"]["ReportSource"];
            /** @description `proof_pack.json`, stored or as the run's state implies it, else `{}`. */
            proof_pack: Record<string, never>;
            /** @description How many files have which checksum. */
            evidence: components["schemas"]["ChecksumCounts"];
            /** @description The recorded files, each with its checksum. */
            files: components["schemas"]["Artifact"][];
            /** @description Whether there are more recorded files than are shown and counted. */
            truncated: boolean;
            /** @description What became of the hash chain over the events. */
            hash_chain: components["schemas"]["ChainState"];
            /** @description The names of the stored reports. */
            reports: string[];
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description One run's report of a given name. */
        RunReport: {
            /** @description The run. */
            run_id: string;
            /** @description Its content; `{"raw": …}` when that is no JSON. */
            report: unknown;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        RunReportList: components["schemas"]["RunReport"][] | components["schemas"]["RunReportPage"];
        /** @description One page of a list. */
        RunReportPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["RunReport"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description One run in the operator's list. */
        RunRow: components["schemas"]["Failure"] & components["schemas"]["Outcome"] & {
            /** @description The directory's name, which is the run's only id; a manifest that names another is a problem. */
            run_id: string;
            /** @description `manifest.task_id`. */
            task_id: string | null;
            /** @description `manifest.status`. */
            status: string | null;
            /** @description `manifest.workflow.workflow_id`, else empty. */
            workflow_id: string;
            /** @description `manifest.workflow.status`, else empty. */
            workflow_status: string;
            /** @description `manifest.created_at`, else `manifest.start_ts`. */
            created_at: string | null;
            /** @description `manifest.finished_at`, else `manifest.end_ts`. */
            finished_at: string | null;
            /** @description The same as `created_at`. */
            start_ts: string | null;
            /** @description The same as `finished_at`. */
            end_ts: string | null;
            /** @description `contract.owner_agent.agent_id`, else empty. */
            owner_agent_id: string;
            /** @description `contract.owner_agent.role`, else empty. */
            owner_role: string;
            /** @description `contract.assigned_agent.agent_id`, else empty. */
            assigned_agent_id: string;
            /** @description `contract.assigned_agent.role`, else empty. */
            assigned_role: string;
            /** @description `manifest.failure_reason`, else empty. */
            failure_reason: string;
            /** @description The time of the last event; empty when the last line cannot be read. */
            last_event_ts: string;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        RunRowList: components["schemas"]["RunRow"][] | components["schemas"]["RunRowPage"];
        /** @description One page of a list. */
        RunRowPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["RunRow"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description What a run searched for and found, in the members that existing clients know. Each is the content of one file, `null` where the run has none. */
        RunSearch: {
            /** @description The run. */
            run_id: string;
            /** @description `artifacts/search_results.json`. */
            raw: unknown;
            /** @description `artifacts/search_results.jsonl`, as a list. */
            raw_history: unknown;
            /** @description `artifacts/verification.json`. */
            verification: unknown;
            /** @description `artifacts/verification.jsonl`, as a list. */
            verification_history: unknown;
            /** @description `artifacts/purified_summary.json`. */
            purified: unknown;
            /** @description `artifacts/search_summary.json`. */
            search_summary: unknown;
            /** @description `artifacts/verification_ai.json`. */
            verification_ai: unknown;
            /** @description `artifacts/browser_results.json`. */
            browser_results: unknown;
            /** @description `reports/news_digest_result.json`. */
            news_digest_result: unknown;
            /** @description `reports/topic_brief_result.json`. */
            topic_brief_result: unknown;
            /** @description `reports/page_brief_result.json`. */
            page_brief_result: unknown;
            /** @description `reports/evidence_bundle.json`. */
            evidence_bundle: unknown;
            /** @description What could not be read. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description What the run is: text of the run, cut and escaped. */
        RunSummaryView: {
            /** @description Its task. */
            task_id: string;
            /** @description Its owning agent. */
            owner: string;
            /** @description Its workflow case, or empty. */
            workflow_id: string;
            /** @description Its status, as its manifest has it. */
            status: string;
            /** @description `verified`, `absent` or `altered`: whether its manifest vouches for its task contract. */
            contract_evidence: components["schemas"]["ContractEvidenceState"];
            /** @description There is more than is shown here. */
            truncated: boolean;
        };
        /** @description Who asks, as this server knows it. */
        SessionView: {
            /** @description Such as `operator:alice`. */
            principal: string;
            /** @description `operator`, `agent`, `worker` or `anonymous`. */
            kind: components["schemas"]["Kind"];
            /** @description The roles it holds, sorted. */
            roles: string[];
            /** @description `off`: this server asks nobody who they are, and everybody on its machine is the same principal. */
            authentication: components["schemas"]["AuthenticationIs"];
            /** @description When the session ends by itself; `null` where a request is signed in by no session. */
            expires_at: string | null;
            /** @description The version of the server. */
            version: string;
        };
        /** @description Who set something, and when. */
        SetView: {
            /** @description The principal in its role. */
            by: string;
            /** @description When. */
            at: string;
        };
        /** @description One setting as it holds. */
        SettingView: {
            /** @description Its name in the environment. */
            variable: string;
            /** @description Its key in `cortexpilot.toml`; `null` for what cannot stand there. */
            key: string | null;
            /** @description Its value; of a secret, whether it is set: `set` or empty. */
            value: string;
            /** @description Whether its value is never shown. */
            secret: boolean;
            /** @description Where it comes from: `default`, `environment`, `command line`, or the path of the file. */
            origin: string;
        };
        /** @description What executing the task contract would do: text of the run, cut and escaped. */
        ShownEffectView: {
            /** @description Paths it may change. */
            allowed_paths: string[];
            /** @description Commands of its acceptance tests. */
            commands: string[];
            /** @description Permissions by name. */
            tool_permissions: {
                [key: string]: string;
            };
            /** @description The runner's name. */
            runner: string;
            /**
             * Format: int64
             * @description The hard time limit, in seconds.
             */
            timeout_s: number | null;
            /** @description There is more than is shown here: read the task contract before you say yes. */
            truncated: boolean;
        };
        /** @description The body of signing in: one of its two members. It is never printed, so it cannot end up in a log. */
        SignInArgs: {
            /** @description A personal token, or the one operator token that the server was started with. */
            token?: string | null;
            /** @description The secret of a one-time address (`/#login=…`): worth one session, once, for five minutes. */
            login?: string | null;
        };
        /** @description An answer to signing out. */
        SignedOutView: {
            /** @description Always true: no session that was asked about is one any more. */
            signed_out: boolean;
            /**
             * Format: int64
             * @description How many sessions ended now, one-time logins that nobody came with included.
             */
            ended: number;
        };
        /**
         * @description How an item stands against its schedule and deadline.
         * @enum {string}
         */
        SlaState: "in_progress" | "completed" | "ended" | "scheduled" | "breached" | "at_risk" | "on_track";
        /** @description Whether agents may queue, who says yes, and what operators decided about that. */
        StandingView: {
            /** @description `OFF`, `after a person agrees`, `ON, nobody is asked` or `FROZEN`: the state in this process, in a person's words. */
            agents_may_queue: components["schemas"]["AgentsMayQueue"];
            /** @description This process's own switch: `default-off` or `open`; `frozen` where it is open and operators stopped every apply. */
            mutation_gate: components["schemas"]["MutationGateState"];
            /** @description The policy that holds here: the stricter of this process's and the floor. */
            approval_policy: components["schemas"]["Policy"];
            /** @description The policy that this process was started with. */
            configured_policy: components["schemas"]["Policy"];
            /** @description The policy that every process must have at least. */
            floor: components["schemas"]["Policy"];
            floor_set: components["schemas"]["SetView"] | null;
            lowering: components["schemas"]["LoweringView"] | null;
            frozen: components["schemas"]["FrozenView"] | null;
            paused: components["schemas"]["FrozenView"] | null;
            unfrozen: components["schemas"]["SetView"] | null;
            resumed: components["schemas"]["SetView"] | null;
        };
        /** @description What the caller wrote, apart from everything that this server says. */
        StatedView: {
            /** @description What this block is. */
            label: string;
            /** @description Who wrote it: the authenticated principal. */
            written_by: string;
            /** @description In whose name it asks. */
            requested_by: string;
            /** @description Why. */
            approval_reason: string;
            /** @description What the client's own dialog was answered. Evidence; it approves nothing. */
            elicited: components["schemas"]["ElicitedView"][];
            /** @description There is more than is shown here. */
            truncated: boolean;
        };
        /** @description How many items are in each state now. */
        StatesView: {
            /**
             * Format: int64
             * @description A worker may claim them now.
             */
            eligible: number;
            /**
             * Format: int64
             * @description Their time has not come.
             */
            waiting: number;
            /**
             * Format: int64
             * @description A worker has them.
             */
            claimed: number;
            /**
             * Format: int64
             * @description An operator is to settle them.
             */
            held: number;
            /**
             * Format: int64
             * @description Nothing becomes of them any more.
             */
            closed: number;
        };
        /** @description An operator's request that the work on a claimed item end. */
        StopView: {
            /** @description The principal in its role. */
            by: string;
            /** @description Why. */
            reason: string;
            /** @description When. */
            at: string;
        };
        /** @description One block of a stream, by its fields. The answer is a sequence of such blocks as server-sent events, each ended by an empty line. */
        StreamBlock: {
            /** @description The place behind the block: sent back as `Last-Event-ID`, the stream goes on there. */
            id?: string;
            /** @description What the block tells: `run_event`; `queue_head` and `queue_event`; `decisions_head` and `decision`. `caught_up`, `reset` and `end` are the server's own. */
            event?: string;
            /** @description One line of JSON. */
            data?: string;
            /**
             * Format: int32
             * @description Milliseconds to wait before the stream is opened again.
             */
            retry?: number;
        };
        /**
         * @description Through what something was asked.
         * @enum {string}
         */
        SurfaceName: "mcp" | "http" | "cli";
        /** @description What was done lately, in steps of equal length, oldest first. The times are those of the ledger's lines. */
        ThroughputView: {
            /** @description `hour` or `day`. */
            span: string;
            /**
             * Format: int64
             * @description How long a step is.
             */
            bucket_seconds: number;
            /** @description When the first begins. */
            from: string;
            /** @description When the last ends, which is not over yet. */
            until: string;
            /** @description The steps, those in which nothing was done included. */
            buckets: components["schemas"]["BucketView"][];
        };
        /** @description What a requester asked for within 24 hours. */
        TodayView: {
            /** @description Requests. */
            asked: number;
            /** @description Of these: queued. */
            approved: number;
            /** @description Of these: rejected. */
            rejected: number;
            /** @description Of these: still to be decided. */
            pending: number;
        };
        /**
         * @description Whether a personal token can be used.
         * @enum {string}
         */
        TokenState: "live" | "expired" | "revoked";
        /** @description A personal token, without anything that it could be recognised by but its id. */
        TokenView: {
            /** @description Its id; no secret. */
            id: string;
            /** @description Whom it stands for. */
            principal: string;
            /** @description `operator`, `agent` or `worker`. */
            kind: components["schemas"]["Kind"];
            /** @description The roles that come with it, sorted. */
            roles: string[];
            /** @description For an agent: who answers for it. */
            sponsor: string | null;
            /** @description `live`, `expired` or `revoked`. */
            state: components["schemas"]["TokenState"];
            /** @description When it was made. */
            created_at: string;
            /** @description Who had it made. */
            created_by: string;
            /** @description From when on it is no token any more. */
            expires_at: string;
            revoked: components["schemas"]["SetView"] | null;
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        TokenViewList: components["schemas"]["TokenView"][] | components["schemas"]["TokenViewPage"];
        /** @description One page of a list. */
        TokenViewPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["TokenView"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /**
         * @description What a workflow case needs.
         * @enum {string}
         */
        Verdict: "awaiting_approval" | "attention_required" | "active" | "healthy";
        /**
         * @description Why an item cannot be claimed yet; empty where nothing stands in the way.
         * @enum {string}
         */
        WaitingReason: "scheduled_for_future" | "backing_off" | "";
        /** @description Something that whoever says yes should know. */
        WarningView: {
            /** @description A stable word. */
            code: string;
            /** @description In a sentence. */
            message: string;
        };
        /**
         * @description Who can do something about it.
         * @enum {string}
         */
        WhoCanAct: "you" | "operator";
        /** @description A worker, as it said itself. */
        WorkerView: {
            /** @description What it calls itself. */
            worker: string;
            /** @description The principal that it acts as. */
            principal: string;
            /** @description Through what: `http`, or `cli` where it works beside the ledger. */
            surface: string;
            /** @description Where it runs; empty where it does not say. */
            host: string;
            /**
             * Format: int32
             * @description Its process there; 0 where it does not say.
             */
            pid: number;
            /** @description Of which version it is; empty where it does not say. */
            version: string;
            /** @description Since when it runs. */
            started_at: string;
            /** @description When it last said that it is there. */
            at: string;
            /** @description It takes nothing new. */
            draining: boolean;
            /**
             * Format: int32
             * @description How many items it works on at once.
             */
            slots: number;
            /** @description Those it works on, by their ids. */
            running: string[];
            /** @description Those it cannot take. */
            cannot: components["schemas"]["CannotView"][];
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        WorkerViewList: components["schemas"]["WorkerView"][] | components["schemas"]["WorkerViewPage"];
        /** @description One page of a list. */
        WorkerViewPage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["WorkerView"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description One workflow case: the runs that name the same workflow. */
        WorkflowCase: {
            /** @description The workflow's id. */
            workflow_id: string;
            /** @description The task queue that the newest run names. */
            task_queue: string;
            /** @description The namespace that the newest run names. */
            namespace: string;
            /** @description The workflow status that the newest run names. */
            status: string;
            /** @description What the case needs. */
            verdict: components["schemas"]["Verdict"];
            /** @description The verdict in one sentence. */
            summary: string;
            /** @description Historic; always empty: planning sessions are not read. */
            objective: string;
            /** @description Historic; always empty. */
            owner_pm: string;
            /** @description Historic; always empty. */
            project_key: string;
            /** @description Historic; always empty. */
            pm_session_ids: string[];
            /** @description Always `derived`: cases are computed from runs at each read and never written. */
            case_source: string;
            /** @description Always empty, as nothing is written. */
            case_updated_at: string;
            /** @description The case's runs, by id. */
            runs: components["schemas"]["WorkflowRun"][];
            /** @description Whether a run failed; present only beside `awaiting_approval`. */
            _has_failure?: boolean;
            /** @description Whether a run is under way; present only beside `awaiting_approval` and `attention_required`. */
            _has_running?: boolean;
            /** @description The role binding that the newest run's manifest recorded; absent when none did. */
            workflow_case_read_model?: Record<string, never>;
            /** @description What could not be read in the case's runs. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description Everything as a plain array; with `limit` or `cursor` one page. */
        WorkflowCaseList: components["schemas"]["WorkflowCase"][] | components["schemas"]["WorkflowCasePage"];
        /** @description One page of a list. */
        WorkflowCasePage: {
            /** @description The entries, at most `limit`. */
            items: components["schemas"]["WorkflowCase"][];
            /** @description What to send as `cursor` for the next page; null on the last one. */
            next_cursor: string | null;
            /** @description What could not be read; left out when there is nothing. */
            problems?: components["schemas"]["Problem"][];
        };
        /** @description One workflow case with its events. */
        WorkflowDetail: {
            /** @description The case. */
            workflow: components["schemas"]["WorkflowCase"];
            /** @description Its runs again, where clients look for them. */
            runs: components["schemas"]["WorkflowRun"][];
            /** @description Events that bind, start, end or name this workflow, newest first, each with its `_run_id`. */
            events: Record<string, never>[];
            /** @description What could not be read in those events. */
            problems?: components["schemas"]["FileProblem"][];
        };
        /** @description A run in its workflow case. */
        WorkflowRun: {
            /** @description The directory's name. */
            run_id: string;
            /** @description `manifest.task_id`. */
            task_id: string | null;
            /** @description `manifest.status`. */
            status: string | null;
            /** @description `manifest.created_at`, else `manifest.start_ts`. */
            created_at: string | null;
        };
        /** @description One person's yes that was not the last one needed. */
        YesView: {
            /** @description The principal in its role. */
            by: string;
            /** @description Why, if it was said. */
            reason: string | null;
            /** @description When. */
            at: string;
        };
        /** @description What whoever looks is to the request. Facts; who may approve is judged when it is tried. */
        YouView: {
            /** @description You asked for it. */
            asked: boolean;
            /** @description You answer for an agent that asked for it. */
            sponsor: boolean;
            /** @description You have said yes to it. */
            approved: boolean;
        };
    };
    responses: {
        /**
         * @description `AUTH_MISSING_BEARER`: No bearer token and no session cookie came with the request.
         *
         *     `AUTH_INVALID_TOKEN`: The token is not one this server knows.
         */
        AuthMissingBearerOrAuthInvalidToken: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                "www-authenticate": components["headers"]["Challenge"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "AUTH_MISSING_BEARER" | "AUTH_INVALID_TOKEN";
                    };
                };
            };
        };
        /** @description `BODY_TOO_LARGE`: The body is larger than this server reads. */
        BodyTooLarge: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "BODY_TOO_LARGE";
                    };
                };
            };
        };
        /** @description `HOST_NOT_ALLOWED`: The Host header names a host that this server does not serve. */
        HostNotAllowed: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "HOST_NOT_ALLOWED";
                    };
                };
            };
        };
        /** @description `INTERNAL`: A fault of ours. */
        Internal: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "INTERNAL";
                    };
                };
            };
        };
        /**
         * @description `LEDGER_CORRUPT`: A line of the ledger does not verify: reads go on, nothing is written.
         *
         *     `LEDGER_NEWER`: The ledger holds events of a newer version: reads go on, nothing is written.
         *
         *     `STORE_UNAVAILABLE`: The store cannot be reached or written; nothing was changed.
         *
         *     `OUTCOME_UNKNOWN`: The store failed while writing: whether the change is durable is not known.
         */
        LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                "retry-after": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "LEDGER_CORRUPT" | "LEDGER_NEWER" | "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN";
                    };
                };
            };
        };
        /**
         * @description `LEDGER_CORRUPT`: A line of the ledger does not verify: reads go on, nothing is written.
         *
         *     `STORE_UNAVAILABLE`: The store cannot be reached or written; nothing was changed.
         */
        LedgerCorruptOrStoreUnavailable: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                "retry-after": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "LEDGER_CORRUPT" | "STORE_UNAVAILABLE";
                    };
                };
            };
        };
        /**
         * @description `METADATA_REJECTED`: A text is too long, not NFC, or holds characters that hide or reorder what a reader sees.
         *
         *     `REQUEST_VALIDATION_ERROR`: The request's body or query has the wrong form.
         */
        MetadataRejectedOrRequestValidation: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "METADATA_REJECTED" | "REQUEST_VALIDATION_ERROR";
                    };
                };
            };
        };
        /**
         * @description `METADATA_REQUIRED`: `requested_by` or `approval_reason` is missing or blank.
         *
         *     `METADATA_REJECTED`: A text is too long, not NFC, or holds characters that hide or reorder what a reader sees.
         *
         *     `REQUEST_VALIDATION_ERROR`: The request's body or query has the wrong form.
         */
        MetadataRequiredOrMetadataRejectedOrRequestValidation: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "METADATA_REQUIRED" | "METADATA_REJECTED" | "REQUEST_VALIDATION_ERROR";
                    };
                };
            };
        };
        /**
         * @description `QUEUE_ITEM_NOT_FOUND`: There is no queue item with this id.
         *
         *     `NOT_FOUND`: There is nothing at this path.
         */
        QueueItemNotFoundOrNotFound: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": (components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "QUEUE_ITEM_NOT_FOUND";
                    };
                }) | components["schemas"]["PlainRefusal"];
            };
        };
        /** @description `RATE_LIMITED`: This principal asked for too much in too short a time, or queued as many items within an hour as it may. */
        RateLimited: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                "retry-after": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "RATE_LIMITED";
                    };
                };
            };
        };
        /** @description `REQUEST_TIMEOUT`: The request was not complete in time. */
        RequestTimeout: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "REQUEST_TIMEOUT";
                    };
                };
            };
        };
        /** @description `REQUEST_VALIDATION_ERROR`: The request's body or query has the wrong form. */
        RequestValidation: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "REQUEST_VALIDATION_ERROR";
                    };
                };
            };
        };
        /**
         * @description `ROLE_REQUIRED`: No role was stated.
         *
         *     `ROLE_FORBIDDEN`: The stated role may not do this, or the principal holds no role that may.
         *
         *     `ROLE_MISMATCH`: The stated role is allowed, but this principal does not hold it.
         *
         *     `SCOPE_FORBIDDEN`: This kind of principal may not do this.
         *
         *     `APPROVER_UNVERIFIED`: Where two people must agree, each must be known by a personal token.
         *
         *     `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here.
         */
        RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrApproverUnverifiedOrOriginNotAllowed: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "ROLE_REQUIRED" | "ROLE_FORBIDDEN" | "ROLE_MISMATCH" | "SCOPE_FORBIDDEN" | "APPROVER_UNVERIFIED" | "ORIGIN_NOT_ALLOWED";
                    };
                };
            };
        };
        /**
         * @description `ROLE_REQUIRED`: No role was stated.
         *
         *     `ROLE_FORBIDDEN`: The stated role may not do this, or the principal holds no role that may.
         *
         *     `ROLE_MISMATCH`: The stated role is allowed, but this principal does not hold it.
         *
         *     `SCOPE_FORBIDDEN`: This kind of principal may not do this.
         *
         *     `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here.
         */
        RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "ROLE_REQUIRED" | "ROLE_FORBIDDEN" | "ROLE_MISMATCH" | "SCOPE_FORBIDDEN" | "ORIGIN_NOT_ALLOWED";
                    };
                };
            };
        };
        /** @description `RUN_ID_INVALID`: The text is not a run id. */
        RunIdInvalid: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "RUN_ID_INVALID";
                    };
                };
            };
        };
        /**
         * @description `RUN_NOT_FOUND`: There is no run with this id.
         *
         *     `NOT_FOUND`: There is nothing at this path.
         */
        RunNotFoundOrNotFound: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": (components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "RUN_NOT_FOUND";
                    };
                }) | components["schemas"]["PlainRefusal"];
            };
        };
        /** @description `RUN_UNREADABLE`: The run cannot be read as what it must be, so nothing may rest on it. */
        RunUnreadable: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                "retry-after": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "RUN_UNREADABLE";
                    };
                };
            };
        };
        /** @description `SCOPE_FORBIDDEN`: This kind of principal may not do this. */
        ScopeForbidden: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "SCOPE_FORBIDDEN";
                    };
                };
            };
        };
        /** @description `STORE_FULL`: There is too little room where the ledger is: nothing is queued, claimed or asked; cancelling and completing go on. Nothing was changed. */
        StoreFull: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "STORE_FULL";
                    };
                };
            };
        };
        /** @description `STORE_UNAVAILABLE`: The store cannot be reached or written; nothing was changed. */
        StoreUnavailable: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                "retry-after": components["headers"]["RetryAfter"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "STORE_UNAVAILABLE";
                    };
                };
            };
        };
        /**
         * @description `UNAUTHENTICATED`: The transport established no principal.
         *
         *     `AUTH_MISSING_BEARER`: No bearer token and no session cookie came with the request.
         *
         *     `AUTH_INVALID_TOKEN`: The token is not one this server knows.
         */
        UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                "www-authenticate": components["headers"]["Challenge"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "UNAUTHENTICATED" | "AUTH_MISSING_BEARER" | "AUTH_INVALID_TOKEN";
                    };
                };
            };
        };
        /** @description `UNSUPPORTED_MEDIA_TYPE`: The body is not JSON, or not declared as JSON. */
        UnsupportedMediaType: {
            headers: {
                "x-request-id": components["headers"]["RequestId"];
                "x-trace-id": components["headers"]["TraceId"];
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Refusal"] & {
                    detail?: components["schemas"]["RefusalDetail"] & {
                        /** @enum {unknown} */
                        code?: "UNSUPPORTED_MEDIA_TYPE";
                    };
                };
            };
        };
    };
    parameters: {
        /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
        RequestId: string;
        /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
        TraceId: string;
        /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
        TraceParent: string;
        /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
        Role: string;
        /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
        Csrf: string;
        /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
        Prefer: string;
    };
    requestBodies: never;
    headers: {
        /** @description The request's name: the caller's, else one that the server made. */
        RequestId: string;
        /** @description The name of what the request is part of, likewise. */
        TraceId: string;
        /** @description `Bearer realm="cortexpilot"`; with `error="invalid_token"` where a token came and is not valid. */
        Challenge: string;
        /** @description After how many seconds the same request may be let through, where that is known. */
        RetryAfter: number;
        /** @description What of a plain array could not be read: a JSON array of problems in ASCII, as many as fit into 4 KiB. Absent when there is nothing, and on a page, which names them itself. */
        Problems: string;
        /** @description How many problems there are, those included that did not fit. */
        ProblemCount: number;
        /** @description To an agent: how many secrets were masked in the answer. */
        Redacted: number;
        /** @description To an agent: a text of the answer goes on beyond what is shown. */
        Truncated: "true";
        /** @description The preference was taken up (RFC 7240). */
        PreferenceApplied: "receipt";
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    queue_preview: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "priority": 5,
                 *       "scheduled_at": "2026-11-23T02:00:00Z"
                 *     }
                 */
                "application/json": components["schemas"]["PreviewArgs"];
            };
        };
        responses: {
            /** @description The item as it would be queued, and the checks. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "run_id": "run_ok",
                     *       "validation": "fail-closed",
                     *       "can_apply": true,
                     *       "preview_item": {
                     *         "queue_id": "",
                     *         "task_id": "task_of_run_ok",
                     *         "owner": "owner_of_run_ok",
                     *         "contract_path": "/srv/runs/run_ok/contract.json",
                     *         "workflow_id": "workflow_of_run_ok",
                     *         "source_run_id": "run_ok",
                     *         "status": "PENDING",
                     *         "priority": 5,
                     *         "scheduled_at": "2026-11-23T02:00:00Z",
                     *         "deadline_at": "",
                     *         "run_id": "",
                     *         "claimed_at": "",
                     *         "completed_at": "",
                     *         "sla_state": "scheduled",
                     *         "queue_state": "waiting",
                     *         "eligible": false,
                     *         "waiting_reason": "scheduled_for_future",
                     *         "created_at": "",
                     *         "cancelled_at": ""
                     *       },
                     *       "effect": {
                     *         "allowed_paths": [
                     *           "docs"
                     *         ],
                     *         "commands": [
                     *           "cargo test"
                     *         ],
                     *         "tool_permissions": {
                     *           "filesystem": "workspace-write"
                     *         },
                     *         "runner": "mock",
                     *         "timeout_s": 600
                     *       },
                     *       "pending_matches": [],
                     *       "changes": [
                     *         {
                     *           "field": "queue",
                     *           "current": "not-enqueued",
                     *           "next": "pending"
                     *         }
                     *       ],
                     *       "boundary": {
                     *         "pilot": "queue-enqueue-from-run-only",
                     *         "execution_authority": "task_contract",
                     *         "approval_mode": "manual-owner-default-off"
                     *       },
                     *       "required_apply_inputs": [
                     *         "confirm",
                     *         "actor_role",
                     *         "requested_by",
                     *         "approval_reason"
                     *       ],
                     *       "allowed_roles": [
                     *         "ARCHITECT",
                     *         "OPS",
                     *         "OWNER",
                     *         "TECH_LEAD"
                     *       ],
                     *       "acting_as": {
                     *         "principal": "token:api",
                     *         "kind": "operator",
                     *         "roles": [
                     *           "ARCHITECT",
                     *           "OPS",
                     *           "OWNER",
                     *           "TECH_LEAD"
                     *         ]
                     *       },
                     *       "mutation_gate": "open",
                     *       "approval_policy": "declared",
                     *       "approval": null,
                     *       "gates": [
                     *         {
                     *           "gate": "authenticated",
                     *           "open": true,
                     *           "code": null,
                     *           "reason": "Open: the transport gave a principal."
                     *         },
                     *         {
                     *           "gate": "mutation_gate",
                     *           "open": true,
                     *           "code": null,
                     *           "reason": "Open: queueing is switched on in this process's trusted environment, and no operator has frozen it."
                     *         },
                     *         {
                     *           "gate": "confirm",
                     *           "open": null,
                     *           "code": null,
                     *           "reason": "Judged at apply; open when `confirm` is the JSON value `true`."
                     *         },
                     *         {
                     *           "gate": "role",
                     *           "open": true,
                     *           "code": null,
                     *           "reason": "Open: the principal holds an allowed role, and the stated role is one it holds."
                     *         },
                     *         {
                     *           "gate": "metadata",
                     *           "open": null,
                     *           "code": null,
                     *           "reason": "Judged at apply; open when `requested_by` and `approval_reason` are plain, bounded texts."
                     *         },
                     *         {
                     *           "gate": "run",
                     *           "open": true,
                     *           "code": null,
                     *           "reason": "Open: the run can be read now, its task contract is unaltered, and it waits for no approval of its own."
                     *         },
                     *         {
                     *           "gate": "preview",
                     *           "open": null,
                     *           "code": null,
                     *           "reason": "Judged at apply; open when this principal previewed exactly this, nothing it rests on has changed, and no equal item waits."
                     *         },
                     *         {
                     *           "gate": "limits",
                     *           "open": true,
                     *           "code": null,
                     *           "reason": "Open: no limit of this principal is reached, and the run is not too many items deep."
                     *         },
                     *         {
                     *           "gate": "approval_policy",
                     *           "open": true,
                     *           "code": null,
                     *           "reason": "Open: nobody is asked (policy `declared`), or whoever is has said yes; until then the answer is PENDING_APPROVAL, no denial."
                     *         }
                     *       ],
                     *       "warnings": [
                     *         {
                     *           "code": "NO_HUMAN_APPROVAL",
                     *           "message": "The approval policy is `declared`: nobody else is asked before this is queued."
                     *         }
                     *       ],
                     *       "next_step": "Send the same members with confirm true, actor_role, requested_by, approval_reason and this preview_token to POST /api/queue/from-run/{run_id}.",
                     *       "preview_digest": "f8d45da58a10c53c6d61fbb87766d0b090ae973405121abcc45746ad6daef89e",
                     *       "preview_token": "AAAAAAAAAAAAAAAC-NRdpYoQxTxtYfu4d2bQsGsCq8CMG82acfn1ZYrXC72YR1bP",
                     *       "expires_at": "2026-11-22T08:45:52Z"
                     *     }
                     */
                    "application/json": components["schemas"]["PreviewView"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `ROLE_REQUIRED`: No role was stated.
             *
             *     `ROLE_FORBIDDEN`: The stated role may not do this, or the principal holds no role that may.
             *
             *     `ROLE_MISMATCH`: The stated role is allowed, but this principal does not hold it.
             *
             *     `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here.
             */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "ROLE_REQUIRED" | "ROLE_FORBIDDEN" | "ROLE_MISMATCH" | "ORIGIN_NOT_ALLOWED";
                        };
                    };
                };
            };
            404: components["responses"]["RunNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            409: components["responses"]["RunUnreadable"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    queue_enqueue: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "confirm": true,
                 *       "actor_role": "OPS",
                 *       "requested_by": "Alice Example",
                 *       "approval_reason": "The nightly run failed on a flaky network.",
                 *       "preview_token": "AAAAAAAAAAAAAAACRG0D4nbzXzX4xNm6SwixCGsCq8Cyn75VN8DDLWJ5R7PcDNJQ"
                 *     }
                 */
                "application/json": components["schemas"]["EnqueueArgs"];
            };
        };
        responses: {
            /** @description The ledger's line and where the item stands; or, where people decide, their request. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "event": "QUEUE_ENQUEUE",
                     *       "status": "PENDING",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "priority": 0,
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "scheduled_at": null,
                     *       "deadline_at": null,
                     *       "ts": "2026-11-22T08:30:52.000000+00:00",
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "contract_sha256": "e603fd132135f0c40591416975bcbd52b76665a0818f4ec3d7d61317d28a26e8",
                     *       "requested_by": "Alice Example",
                     *       "actor_role": "OPS",
                     *       "approval_reason": "The nightly run failed on a flaky network.",
                     *       "approval_mode": "manual-owner-default-off",
                     *       "pilot_source": "http_control_plane",
                     *       "principal": "token:api",
                     *       "preview_digest": "446d03e276f35f35f8c4d9ba4b08b108af234b280324e5f36a7a7b1c2eb6709b",
                     *       "idempotency_key": null,
                     *       "depth": 1,
                     *       "approval_policy": "declared",
                     *       "approvals": [],
                     *       "h": "b328792e44c8594ca1b03f81bc09f389ad96e06bf49eda370aae28afa45dbcd5",
                     *       "already_applied": false,
                     *       "current_status": "PENDING"
                     *     }
                     */
                    "application/json": (components["schemas"]["AppliedView"] | components["schemas"]["PendingView"]) & components["schemas"]["ReceiptMembers"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `MUTATION_GATE_CLOSED`: Queueing is switched off in this process, which is the default.
             *
             *     `FROZEN`: An operator has frozen queueing and claiming everywhere; cancelling still works.
             *
             *     `CONFIRM_REQUIRED`: The request did not say `confirm: true`.
             *
             *     `ROLE_REQUIRED`: No role was stated.
             *
             *     `ROLE_FORBIDDEN`: The stated role may not do this, or the principal holds no role that may.
             *
             *     `ROLE_MISMATCH`: The stated role is allowed, but this principal does not hold it.
             *
             *     `APPROVER_UNVERIFIED`: Where two people must agree, each must be known by a personal token.
             *
             *     `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here.
             */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "MUTATION_GATE_CLOSED" | "FROZEN" | "CONFIRM_REQUIRED" | "ROLE_REQUIRED" | "ROLE_FORBIDDEN" | "ROLE_MISMATCH" | "APPROVER_UNVERIFIED" | "ORIGIN_NOT_ALLOWED";
                        };
                    };
                };
            };
            404: components["responses"]["RunNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `IDEMPOTENCY_CONFLICT`: The idempotency key was used before with other arguments.
             *
             *     `RUN_UNREADABLE`: The run cannot be read as what it must be, so nothing may rest on it.
             *
             *     `CONTRACT_ALTERED`: The task contract is not the one the run's manifest vouches for.
             *
             *     `RUN_AWAITING_APPROVAL`: The run itself waits for a human approval.
             *
             *     `PREVIEW_REQUIRED`: This principal has not previewed this run here, or the preview token is not its own.
             *
             *     `PREVIEW_EXPIRED`: The preview is older than its time limit.
             *
             *     `PREVIEW_STALE`: What was previewed is no longer what would be queued.
             *
             *     `ALREADY_PENDING`: An equal item of this run waits in the queue already.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "IDEMPOTENCY_CONFLICT" | "RUN_UNREADABLE" | "CONTRACT_ALTERED" | "RUN_AWAITING_APPROVAL" | "PREVIEW_REQUIRED" | "PREVIEW_EXPIRED" | "PREVIEW_STALE" | "ALREADY_PENDING";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            /**
             * @description `LINEAGE_LIMIT`: The run came out of a queue item that is as deep as an item may be.
             *
             *     `PENDING_LIMIT`: As many items of this principal are pending as may be.
             *
             *     `RATE_LIMITED`: This principal asked for too much in too short a time, or queued as many items within an hour as it may.
             */
            429: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "LINEAGE_LIMIT" | "PENDING_LIMIT" | "RATE_LIMITED";
                        };
                    };
                };
            };
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_cancel: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["CancelArgs"];
            };
        };
        responses: {
            /** @description The item, cancelled. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "CANCELLED",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "",
                     *       "claimed_at": "",
                     *       "completed_at": "",
                     *       "sla_state": "ended",
                     *       "queue_state": "closed",
                     *       "eligible": false,
                     *       "waiting_reason": "",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "reason": "The nightly run is quarantined.",
                     *       "cancelled_by": "token:api (OPS)",
                     *       "asked_by": "token:api"
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description `QUEUE_ITEM_NOT_CANCELLABLE`: Only a pending item can be cancelled: once claimed, cancelling is no longer a rollback. */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_CANCELLABLE";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_list: {
        parameters: {
            query?: {
                /** @description Only items of this status, in any case: `PENDING`, `CLAIMED`, `LOST`, `DEAD_LETTER`, `CANCELLED`, `EXPIRED`, or how they ended. */
                status?: string;
                /** @description Only items of this workflow case. */
                workflow_id?: string;
                /** @description Only items in this state now. */
                queue_state?: "claimed" | "closed" | "eligible" | "waiting" | "held";
                /** @description The oldest first, unless it is said otherwise. A cursor is a place between items: it goes on from there in the order that is asked for with it. */
                order?: "newest" | "oldest";
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The items. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *         "task_id": "task_of_run_ok",
                     *         "owner": "owner_of_run_ok",
                     *         "contract_path": "/srv/runs/run_ok/contract.json",
                     *         "workflow_id": "workflow_of_run_ok",
                     *         "source_run_id": "run_ok",
                     *         "status": "PENDING",
                     *         "priority": 0,
                     *         "scheduled_at": "",
                     *         "deadline_at": "",
                     *         "run_id": "",
                     *         "claimed_at": "",
                     *         "completed_at": "",
                     *         "sla_state": "on_track",
                     *         "queue_state": "eligible",
                     *         "eligible": true,
                     *         "waiting_reason": "",
                     *         "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *         "cancelled_at": "",
                     *         "asked_by": "token:api"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["ItemViewList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    queue_counts: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How many there are. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "total": 1,
                     *       "by_state": {
                     *         "eligible": 1,
                     *         "waiting": 0,
                     *         "claimed": 0,
                     *         "held": 0,
                     *         "closed": 0
                     *       },
                     *       "by_status": {
                     *         "CLAIMED": 0,
                     *         "DEAD_LETTER": 0,
                     *         "LOST": 0,
                     *         "PENDING": 1
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["CountsView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    queue_throughput: {
        parameters: {
            query?: {
                /** @description The last hour in steps of five minutes, or the last day in hours, which is shown unless it is said. */
                span?: "hour" | "day";
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description What was done. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "span": "day",
                     *       "bucket_seconds": 3600,
                     *       "from": "2026-11-21T09:00:00.000000+00:00",
                     *       "until": "2026-11-22T09:00:00.000000+00:00",
                     *       "buckets": [
                     *         {
                     *           "from": "2026-11-21T09:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T10:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T11:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T12:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T13:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T14:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T15:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T16:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T17:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T18:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T19:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T20:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T21:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T22:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-21T23:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T00:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T01:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T02:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T03:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T04:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T05:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T06:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T07:00:00.000000+00:00",
                     *           "queued": 0,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         },
                     *         {
                     *           "from": "2026-11-22T08:00:00.000000+00:00",
                     *           "queued": 1,
                     *           "succeeded": 0,
                     *           "failed": 0,
                     *           "cancelled": 0,
                     *           "lost": 0
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["ThroughputView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    queue_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The item. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "PENDING",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "",
                     *       "claimed_at": "",
                     *       "completed_at": "",
                     *       "sla_state": "on_track",
                     *       "queue_state": "eligible",
                     *       "eligible": true,
                     *       "waiting_reason": "",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "",
                     *       "asked_by": "token:api"
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    queue_stream: {
        parameters: {
            query?: {
                /** @description Go on with changes as they are written; otherwise the stream ends after those that are there. */
                follow?: boolean;
                /** @description Go on behind this `id`, or behind the line of this number; the header `Last-Event-ID` stands before it. 0 begins with the first line. */
                last_event_id?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The last `id` that was received. */
                "last-event-id"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["StreamBlock"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrStoreUnavailable"];
        };
    };
    queue_history: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The item and its lines. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "item": {
                     *         "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *         "task_id": "task_of_run_ok",
                     *         "owner": "owner_of_run_ok",
                     *         "contract_path": "/srv/runs/run_ok/contract.json",
                     *         "workflow_id": "workflow_of_run_ok",
                     *         "source_run_id": "run_ok",
                     *         "status": "PENDING",
                     *         "priority": 0,
                     *         "scheduled_at": "",
                     *         "deadline_at": "",
                     *         "run_id": "",
                     *         "claimed_at": "",
                     *         "completed_at": "",
                     *         "sla_state": "on_track",
                     *         "queue_state": "eligible",
                     *         "eligible": true,
                     *         "waiting_reason": "",
                     *         "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *         "cancelled_at": "",
                     *         "asked_by": "token:api"
                     *       },
                     *       "lines": [
                     *         {
                     *           "seq": 1,
                     *           "event": "QUEUE_ENQUEUE",
                     *           "ts": "2026-11-22T08:30:52.000000+00:00",
                     *           "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *           "by": "token:api",
                     *           "reason": "The nightly run failed on a flaky network.",
                     *           "h": "b328792e44c8594ca1b03f81bc09f389ad96e06bf49eda370aae28afa45dbcd5",
                     *           "receipt": "/api/queue/f55a855e52b657b68c1a09052298cc39/receipt?of=enqueued"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["HistoryView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrStoreUnavailable"];
        };
    };
    decisions_list: {
        parameters: {
            query?: {
                /** @description Only this event: `DENIED`, `APPROVED`, `FROZEN` … */
                event?: string;
                /** @description Only what this principal was refused or decided. */
                principal?: string;
                /** @description Only refusals with this code. */
                code?: string;
                /** @description Only what is about this request. */
                approval_id?: string;
                /** @description Not before this moment, as ISO 8601 with an offset or `Z`. */
                since?: string;
                /** @description Before this moment. */
                until?: string;
                /** @description At most so many. */
                limit?: number;
                /** @description `next_cursor` of the page before. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["DecisionViewPage"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrStoreUnavailable"];
        };
    };
    ledger_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description As far as this process knows. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue": {
                     *         "file": "queue.jsonl",
                     *         "lines": 1,
                     *         "h": "b328792e44c8594ca1b03f81bc09f389ad96e06bf49eda370aae28afa45dbcd5",
                     *         "checkpoint": {
                     *           "file": "queue.jsonl",
                     *           "origin": "test.example/queue.jsonl",
                     *           "size": 7,
                     *           "root": "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2",
                     *           "key": "test.example/queue.jsonl+0a1b2c3d+AQ==",
                     *           "signed_at": "2026-11-22T08:30:52.000000+00:00",
                     *           "note": "test.example/queue.jsonl\n7\nroot\n\n— test.example/queue.jsonl x\n"
                     *         }
                     *       },
                     *       "decisions": {
                     *         "file": "decisions.jsonl",
                     *         "lines": 0,
                     *         "h": "0000000000000000000000000000000000000000000000000000000000000000",
                     *         "checkpoint": null
                     *       },
                     *       "last_ts": "2026-11-22T08:30:52.000000+00:00",
                     *       "sound": true,
                     *       "refuses_writes": null,
                     *       "problems": [],
                     *       "signing": "signed",
                     *       "gate": "/api/gate"
                     *     }
                     */
                    "application/json": components["schemas"]["LedgerView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrStoreUnavailable"];
        };
    };
    ledger_entries: {
        parameters: {
            query?: {
                /** @description Of which file; the queue's unless it is said. */
                file?: "queue" | "decisions";
                /** @description Only this event: `QUEUE_ENQUEUE`, `QUEUE_CANCEL`, `QUEUE_CLAIM`, `QUEUE_DONE` …; `DENIED`, `FROZEN` … of decisions. */
                event?: string;
                /** @description Only the lines of this item; it has none among the decisions. */
                queue_id?: string;
                /** @description From the newest line on, or from the oldest. */
                order?: "newest" | "oldest";
                /** @description At most so many. */
                limit?: number;
                /** @description `next_cursor` of the page before, or a line's `seq`. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One page. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "seq": 1,
                     *           "event": "QUEUE_ENQUEUE",
                     *           "ts": "2026-11-22T08:30:52.000000+00:00",
                     *           "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *           "by": "token:api",
                     *           "reason": "The nightly run failed on a flaky network.",
                     *           "h": "b328792e44c8594ca1b03f81bc09f389ad96e06bf49eda370aae28afa45dbcd5",
                     *           "line": "{\"event\": \"QUEUE_ENQUEUE\", \"status\": \"PENDING\", \"task_id\": \"task_of_run_ok\", \"owner\": \"owner_of_run_ok\", \"contract_path\": \"/srv/runs/run_ok/contract.json\", \"priority\": 0, \"workflow_id\": \"workflow_of_run_ok\", \"source_run_id\": \"run_ok\", \"scheduled_at\": null, \"deadline_at\": null, \"ts\": \"2026-11-22T08:30:52.000000+00:00\", \"queue_id\": \"f55a855e52b657b68c1a09052298cc39\", \"contract_sha256\": \"e603fd132135f0c40591416975bcbd52b76665a0818f4ec3d7d61317d28a26e8\", \"requested_by\": \"Alice Example\", \"actor_role\": \"OPS\", \"approval_reason\": \"The nightly run failed on a flaky network.\", \"approval_mode\": \"manual-owner-default-off\", \"pilot_source\": \"http_control_plane\", \"principal\": \"token:api\", \"preview_digest\": \"446d03e276f35f35f8c4d9ba4b08b108af234b280324e5f36a7a7b1c2eb6709b\", \"idempotency_key\": null, \"depth\": 1, \"approval_policy\": \"declared\", \"approvals\": [], \"h\": \"b328792e44c8594ca1b03f81bc09f389ad96e06bf49eda370aae28afa45dbcd5\"}",
                     *           "bytes": 926
                     *         }
                     *       ],
                     *       "next_cursor": null
                     *     }
                     */
                    "application/json": components["schemas"]["EntryViewPage"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrStoreUnavailable"];
        };
    };
    checkpoints_list: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description At most one for each file, the queue's first. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "file": "queue.jsonl",
                     *         "origin": "test.example/queue.jsonl",
                     *         "size": 7,
                     *         "root": "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2",
                     *         "key": "test.example/queue.jsonl+0a1b2c3d+AQ==",
                     *         "signed_at": "2026-11-22T08:30:52.000000+00:00",
                     *         "note": "test.example/queue.jsonl\n7\nroot\n\n— test.example/queue.jsonl x\n"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["CheckpointView"][];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    checkpoint_get: {
        parameters: {
            query?: {
                /** @description Of which file. */
                file?: "queue" | "decisions";
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description How many lines the checkpoint covers.
                 * @example 7
                 */
                size: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The checkpoint. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "file": "queue.jsonl",
                     *       "origin": "test.example/queue.jsonl",
                     *       "size": 7,
                     *       "root": "4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2",
                     *       "key": "test.example/queue.jsonl+0a1b2c3d+AQ==",
                     *       "signed_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "note": "test.example/queue.jsonl\n7\nroot\n\n— test.example/queue.jsonl x\n"
                     *     }
                     */
                    "application/json": components["schemas"]["CheckpointView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `RECEIPT_NOT_FOUND`: There is no such line that could be proven.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "RECEIPT_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    decisions_stream: {
        parameters: {
            query?: {
                /** @description Go on with lines as they are written; otherwise the stream ends after those that are there. */
                follow?: boolean;
                /** @description Go on behind this `id`, or behind the line of this number; the header `Last-Event-ID` stands before it. 0 begins with the first line. */
                last_event_id?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The last `id` that was received. */
                "last-event-id"?: string | null;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["StreamBlock"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrStoreUnavailable"];
        };
    };
    queue_next: {
        parameters: {
            query?: {
                /** @description At most so many. */
                limit?: number;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The items, or why there is none. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         {
                     *           "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *           "task_id": "task_of_run_ok",
                     *           "owner": "owner_of_run_ok",
                     *           "contract_path": "/srv/runs/run_ok/contract.json",
                     *           "workflow_id": "workflow_of_run_ok",
                     *           "source_run_id": "run_ok",
                     *           "status": "PENDING",
                     *           "priority": 0,
                     *           "scheduled_at": "",
                     *           "deadline_at": "",
                     *           "run_id": "",
                     *           "claimed_at": "",
                     *           "completed_at": "",
                     *           "sla_state": "on_track",
                     *           "queue_state": "eligible",
                     *           "eligible": true,
                     *           "waiting_reason": "",
                     *           "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *           "cancelled_at": "",
                     *           "asked_by": "token:api"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["NextView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    queue_claim: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "worker": "worker-1",
                 *       "lease_s": 900
                 *     }
                 */
                "application/json": components["schemas"]["ClaimArgs"];
            };
        };
        responses: {
            /** @description The item and its lease, or why there is none. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "ok": true,
                     *       "item": {
                     *         "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *         "task_id": "task_of_run_ok",
                     *         "owner": "owner_of_run_ok",
                     *         "contract_path": "/srv/runs/run_ok/contract.json",
                     *         "workflow_id": "workflow_of_run_ok",
                     *         "source_run_id": "run_ok",
                     *         "status": "CLAIMED",
                     *         "priority": 0,
                     *         "scheduled_at": "",
                     *         "deadline_at": "",
                     *         "run_id": "run_20261122_083052_00000000000000000000000000000003",
                     *         "claimed_at": "2026-11-22T08:30:52.000000+00:00",
                     *         "completed_at": "",
                     *         "sla_state": "in_progress",
                     *         "queue_state": "claimed",
                     *         "eligible": false,
                     *         "waiting_reason": "",
                     *         "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *         "cancelled_at": "",
                     *         "asked_by": "token:api",
                     *         "attempts": 1,
                     *         "worker": "worker-1",
                     *         "lease_expires_at": "2026-11-22T08:45:52.000000+00:00"
                     *       },
                     *       "lease_token": "TVpSGSIc-Nst2JQtX7DLyzIPJdogfsfEsaA7wgt6VkE",
                     *       "lease_expires_at": "2026-11-22T08:45:52.000000+00:00",
                     *       "lease_s": 900,
                     *       "attempt": 1,
                     *       "contract_sha256": "e603fd132135f0c40591416975bcbd52b76665a0818f4ec3d7d61317d28a26e8"
                     *     }
                     */
                    "application/json": components["schemas"]["ClaimedView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `FROZEN`: An operator has frozen queueing and claiming everywhere; cancelling still works.
             *
             *     `ROLE_REQUIRED`: No role was stated.
             *
             *     `ROLE_FORBIDDEN`: The stated role may not do this, or the principal holds no role that may.
             *
             *     `ROLE_MISMATCH`: The stated role is allowed, but this principal does not hold it.
             *
             *     `SCOPE_FORBIDDEN`: This kind of principal may not do this.
             *
             *     `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here.
             */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "FROZEN" | "ROLE_REQUIRED" | "ROLE_FORBIDDEN" | "ROLE_MISMATCH" | "SCOPE_FORBIDDEN" | "ORIGIN_NOT_ALLOWED";
                        };
                    };
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_contract: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The contract, as it was pinned. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "task_id": "task_of_run_ok"
                     *     }
                     */
                    "application/json": components["schemas"]["RunDocument"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            /**
             * @description `QUEUE_ITEM_NOT_FOUND`: There is no queue item with this id.
             *
             *     `ARTIFACT_NOT_FOUND`: The run has no such file that may be read.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_FOUND" | "ARTIFACT_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    queue_heartbeat: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "lease_token": "EPh5o5jVQ6d3sQls7LafD8fxNSD4t9zM1VQMCkXlliM",
                 *       "progress": {
                 *         "stage": "tests",
                 *         "message": "12 of 40",
                 *         "events": 118
                 *       }
                 *     }
                 */
                "application/json": components["schemas"]["HeartbeatArgs"];
            };
        };
        responses: {
            /** @description The item is still the worker's. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "ok": true,
                     *       "lease_expires_at": "2026-11-22T08:31:52.000000+00:00",
                     *       "stop": {
                     *         "by": "token:api (OPS)",
                     *         "reason": "The nightly run is quarantined.",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["HeartbeatView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `QUEUE_ITEM_NOT_CLAIMED`: Only a claimed item can be completed.
             *
             *     `LEASE_INVALID`: The lease token is not the one of this item's current claim.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_CLAIMED" | "LEASE_INVALID";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_complete: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "lease_token": "EPh5o5jVQ6d3sQls7LafD8fxNSD4t9zM1VQMCkXlliM",
                 *       "status": "SUCCESS",
                 *       "reason": "All 40 tests pass."
                 *     }
                 */
                "application/json": components["schemas"]["CompleteArgs"];
            };
        };
        responses: {
            /** @description The item, closed. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "SUCCESS",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "run_20261122_083052_00000000000000000000000000000003",
                     *       "claimed_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "completed_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "sla_state": "completed",
                     *       "queue_state": "closed",
                     *       "eligible": false,
                     *       "waiting_reason": "",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "",
                     *       "reason": "All 40 tests pass.",
                     *       "asked_by": "token:api",
                     *       "attempts": 1,
                     *       "worker": "box-7"
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `QUEUE_ITEM_NOT_CLAIMED`: Only a claimed item can be completed.
             *
             *     `LEASE_INVALID`: The lease token is not the one of this item's current claim.
             *
             *     `STOP_NOT_REQUESTED`: A run can end as STOPPED only where an operator asked for it.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_CLAIMED" | "LEASE_INVALID" | "STOP_NOT_REQUESTED";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_release: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "lease_token": "EPh5o5jVQ6d3sQls7LafD8fxNSD4t9zM1VQMCkXlliM",
                 *       "started": false,
                 *       "reason": "The repository is not on this machine."
                 *     }
                 */
                "application/json": components["schemas"]["ReleaseArgs"];
            };
        };
        responses: {
            /** @description The item, which is the worker's no longer. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "PENDING",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "",
                     *       "claimed_at": "",
                     *       "completed_at": "",
                     *       "sla_state": "on_track",
                     *       "queue_state": "waiting",
                     *       "eligible": false,
                     *       "waiting_reason": "backing_off",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "",
                     *       "asked_by": "token:api",
                     *       "attempts": 1,
                     *       "not_before": "2026-11-22T08:31:02.000000+00:00"
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `QUEUE_ITEM_NOT_CLAIMED`: Only a claimed item can be completed.
             *
             *     `LEASE_INVALID`: The lease token is not the one of this item's current claim.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_CLAIMED" | "LEASE_INVALID";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_stop: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description The item, claimed still, with the request. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "CLAIMED",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "run_20261122_083052_00000000000000000000000000000003",
                     *       "claimed_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "completed_at": "",
                     *       "sla_state": "in_progress",
                     *       "queue_state": "claimed",
                     *       "eligible": false,
                     *       "waiting_reason": "",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "",
                     *       "asked_by": "token:api",
                     *       "attempts": 1,
                     *       "worker": "box-7",
                     *       "lease_expires_at": "2026-11-22T08:31:52.000000+00:00",
                     *       "stop": {
                     *         "by": "token:api (OPS)",
                     *         "reason": "The nightly run is quarantined.",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description `QUEUE_ITEM_NOT_STOPPABLE`: Only a claimed item can be asked to stop, or have its lease taken away. */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_STOPPABLE";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_revoke: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description The item, held as LOST. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "LOST",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "run_20261122_083052_00000000000000000000000000000003",
                     *       "claimed_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "completed_at": "",
                     *       "sla_state": "on_track",
                     *       "queue_state": "held",
                     *       "eligible": false,
                     *       "waiting_reason": "",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "",
                     *       "asked_by": "token:api",
                     *       "attempts": 1,
                     *       "worker": "box-7",
                     *       "held": {
                     *         "kind": "LOST",
                     *         "reason": "The nightly run is quarantined.",
                     *         "by": "token:api (OPS)",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description `QUEUE_ITEM_NOT_STOPPABLE`: Only a claimed item can be asked to stop, or have its lease taken away. */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_STOPPABLE";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_requeue: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description The item, pending. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "PENDING",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "",
                     *       "claimed_at": "",
                     *       "completed_at": "",
                     *       "sla_state": "on_track",
                     *       "queue_state": "eligible",
                     *       "eligible": true,
                     *       "waiting_reason": "",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "",
                     *       "asked_by": "token:api",
                     *       "attempts": 1
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description `QUEUE_ITEM_NOT_HELD`: Only an item that is held (LOST, DEAD_LETTER) can be requeued or failed. */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_HELD";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_fail: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description The item, closed. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "queue_id": "f55a855e52b657b68c1a09052298cc39",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "status": "FAILURE",
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "run_id": "run_20261122_083052_00000000000000000000000000000003",
                     *       "claimed_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "completed_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "sla_state": "ended",
                     *       "queue_state": "closed",
                     *       "eligible": false,
                     *       "waiting_reason": "",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "cancelled_at": "",
                     *       "reason": "The nightly run is quarantined.",
                     *       "asked_by": "token:api",
                     *       "ended_by": "token:api (OPS)",
                     *       "attempts": 1,
                     *       "worker": "box-7"
                     *     }
                     */
                    "application/json": components["schemas"]["ItemView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            404: components["responses"]["QueueItemNotFoundOrNotFound"];
            408: components["responses"]["RequestTimeout"];
            /** @description `QUEUE_ITEM_NOT_HELD`: Only an item that is held (LOST, DEAD_LETTER) can be requeued or failed. */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_HELD";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    workers_list: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The workers. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "worker": "box-7",
                     *         "principal": "worker:one",
                     *         "surface": "http",
                     *         "host": "box-7.example",
                     *         "pid": 4711,
                     *         "version": "1.0.0",
                     *         "started_at": "2026-11-22T08:00:00.000000+00:00",
                     *         "at": "2026-11-22T08:30:52.000000+00:00",
                     *         "draining": false,
                     *         "slots": 2,
                     *         "running": [
                     *           "0123456789abcdef0123456789abcdef"
                     *         ],
                     *         "cannot": [
                     *           {
                     *             "queue_id": "fedcba9876543210fedcba9876543210",
                     *             "why": "There is no such repository here."
                     *           }
                     *         ]
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["WorkerViewList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    worker_presence: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "worker": "box-7",
                 *       "host": "box-7.example",
                 *       "pid": 4711,
                 *       "version": "1.0.0",
                 *       "started_at": "2026-11-22T08:00:00Z",
                 *       "draining": false,
                 *       "slots": 2,
                 *       "running": [
                 *         "0123456789abcdef0123456789abcdef"
                 *       ],
                 *       "cannot": [
                 *         {
                 *           "queue_id": "fedcba9876543210fedcba9876543210",
                 *           "why": "There is no such repository here."
                 *         }
                 *       ]
                 *     }
                 */
                "application/json": components["schemas"]["PresenceArgs"];
            };
        };
        responses: {
            /** @description It was written down. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "ok": true,
                     *       "again_within_s": 180
                     *     }
                     */
                    "application/json": components["schemas"]["PresentView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrOriginNotAllowed"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    queue_receipt: {
        parameters: {
            query?: {
                /** @description What was done with the item; blank or absent for `enqueued`. */
                of?: "enqueued" | "cancelled" | "claimed" | "completed" | "stop_requested" | "held" | "requeued" | "expired";
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The queue item's id: 32 lower-case hexadecimal digits.
                 * @example 00000000000000000000000000000007
                 */
                queue_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The receipt; kept as a file it verifies as it is. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "format": "cortexpilot-receipt/1",
                     *       "index": 6,
                     *       "leaf_hash": "9f91161f43433e49a6de6db680d79f60159f2e4ac9172621a12846428158440b",
                     *       "inclusion": [
                     *         "7d10de8554ed5ca40f9d0f0e0f4375b5b338af3fb96d33c9b2f53b5289b8f4fe"
                     *       ],
                     *       "checkpoint": "test.example/queue.jsonl\n7\nroot\n\n— test.example/queue.jsonl x\n"
                     *     }
                     */
                    "application/json": components["schemas"]["ReceiptView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `QUEUE_ITEM_NOT_FOUND`: There is no queue item with this id.
             *
             *     `RECEIPT_NOT_FOUND`: There is no such line that could be proven.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "QUEUE_ITEM_NOT_FOUND" | "RECEIPT_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            /**
             * @description `RECEIPT_NOT_COVERED`: The line is newer than the last signed checkpoint, so it cannot be proven yet. It stands all the same.
             *
             *     `RECEIPT_NO_KEY`: No key signs this ledger, so nothing in it has a receipt. What was done stands.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "RECEIPT_NOT_COVERED" | "RECEIPT_NO_KEY";
                        };
                    };
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    approval_receipt: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The request's id: `apr_` and 32 lower-case hexadecimal digits.
                 * @example apr_00000000000000000000000000000007
                 */
                approval_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The receipt; kept as a file it verifies as it is. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "format": "cortexpilot-receipt/1",
                     *       "index": 6,
                     *       "leaf_hash": "9f91161f43433e49a6de6db680d79f60159f2e4ac9172621a12846428158440b",
                     *       "inclusion": [
                     *         "7d10de8554ed5ca40f9d0f0e0f4375b5b338af3fb96d33c9b2f53b5289b8f4fe"
                     *       ],
                     *       "checkpoint": "test.example/queue.jsonl\n7\nroot\n\n— test.example/queue.jsonl x\n"
                     *     }
                     */
                    "application/json": components["schemas"]["ReceiptView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            /**
             * @description `APPROVAL_NOT_FOUND`: There is no approval request with this id.
             *
             *     `RECEIPT_NOT_FOUND`: There is no such line that could be proven.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "APPROVAL_NOT_FOUND" | "RECEIPT_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            /**
             * @description `RECEIPT_NOT_COVERED`: The line is newer than the last signed checkpoint, so it cannot be proven yet. It stands all the same.
             *
             *     `RECEIPT_NO_KEY`: No key signs this ledger, so nothing in it has a receipt. What was done stands.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "RECEIPT_NOT_COVERED" | "RECEIPT_NO_KEY";
                        };
                    };
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    approvals_list: {
        parameters: {
            query?: {
                /** @description Only requests of this status. */
                status?: "PENDING" | "APPROVED" | "REJECTED" | "EXPIRED";
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The requests. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": "apr_8d3803f0bd0dfc0c76cf57eeebd2cc4c",
                     *         "status": "PENDING",
                     *         "needs": 1,
                     *         "has": 0,
                     *         "approval_policy": "operator",
                     *         "run_id": "run_ok",
                     *         "task_id": "task_of_run_ok",
                     *         "contract_sha256": "e603fd132135f0c40591416975bcbd52b76665a0818f4ec3d7d61317d28a26e8",
                     *         "priority": 0,
                     *         "requester": {
                     *           "principal": "agent:bot",
                     *           "kind": "agent",
                     *           "sponsor": null
                     *         },
                     *         "joined_count": 0,
                     *         "surface": "http",
                     *         "asked_at": "2026-11-22T08:30:52.000000+00:00",
                     *         "expires_at": "2026-11-23T08:30:52.000000+00:00",
                     *         "ended": null,
                     *         "queue_id": null,
                     *         "stated": {
                     *           "label": "Written by whoever asks; not checked. The dialog of a client can be answered without a person.",
                     *           "written_by": "agent:bot",
                     *           "requested_by": "Alice Example",
                     *           "approval_reason": "The nightly run failed on a flaky network.",
                     *           "elicited": [],
                     *           "truncated": false
                     *         }
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["ApprovalRowViewList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    approval_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The request's id: `apr_` and 32 lower-case hexadecimal digits.
                 * @example apr_00000000000000000000000000000007
                 */
                approval_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The request. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "apr_8d3803f0bd0dfc0c76cf57eeebd2cc4c",
                     *       "status": "PENDING",
                     *       "needs": 1,
                     *       "has": 0,
                     *       "approval_policy": "operator",
                     *       "mutation_gate": "open",
                     *       "effect": {
                     *         "allowed_paths": [
                     *           "docs"
                     *         ],
                     *         "commands": [
                     *           "cargo test"
                     *         ],
                     *         "tool_permissions": {
                     *           "filesystem": "workspace-write"
                     *         },
                     *         "runner": "mock",
                     *         "timeout_s": 600,
                     *         "truncated": false
                     *       },
                     *       "differs": [],
                     *       "changed": [],
                     *       "run_problem": null,
                     *       "warnings": [],
                     *       "requester": {
                     *         "principal": "agent:bot",
                     *         "kind": "agent",
                     *         "sponsor": null
                     *       },
                     *       "joined": [],
                     *       "joined_count": 0,
                     *       "today": {
                     *         "asked": 1,
                     *         "approved": 0,
                     *         "rejected": 0,
                     *         "pending": 1
                     *       },
                     *       "you": {
                     *         "asked": false,
                     *         "sponsor": false,
                     *         "approved": false
                     *       },
                     *       "approvals": [],
                     *       "ended": null,
                     *       "item": null,
                     *       "run_id": "run_ok",
                     *       "run": {
                     *         "task_id": "task_of_run_ok",
                     *         "owner": "owner_of_run_ok",
                     *         "workflow_id": "workflow_of_run_ok",
                     *         "status": "SUCCESS",
                     *         "contract_evidence": "verified",
                     *         "truncated": false
                     *       },
                     *       "priority": 0,
                     *       "scheduled_at": "",
                     *       "deadline_at": "",
                     *       "depth": 1,
                     *       "depth_max": 5,
                     *       "pending_matches": [],
                     *       "pending_count": 0,
                     *       "surface": "http",
                     *       "actor_role": "OPS",
                     *       "asked_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "expires_at": "2026-11-23T08:30:52.000000+00:00",
                     *       "expires_in_s": 86400,
                     *       "contract_sha256": "e603fd132135f0c40591416975bcbd52b76665a0818f4ec3d7d61317d28a26e8",
                     *       "preview_digest": "c37737498d98cc31ba3ee650c17bdb7d2f9b0eba5a28d4f9d6602cb3c0099deb",
                     *       "stated": {
                     *         "label": "Written by whoever asks; not checked. The dialog of a client can be answered without a person.",
                     *         "written_by": "agent:bot",
                     *         "requested_by": "Alice Example",
                     *         "approval_reason": "The nightly run failed on a flaky network.",
                     *         "elicited": [],
                     *         "truncated": false
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ReviewView"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            /**
             * @description `APPROVAL_NOT_FOUND`: There is no approval request with this id.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "APPROVAL_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    approval_approve: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The request's id: `apr_` and 32 lower-case hexadecimal digits.
                 * @example apr_00000000000000000000000000000007
                 */
                approval_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description The ledger's line of the item that was queued; or the request, while more people are needed. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "event": "QUEUE_ENQUEUE",
                     *       "status": "PENDING",
                     *       "task_id": "task_of_run_ok",
                     *       "owner": "owner_of_run_ok",
                     *       "contract_path": "/srv/runs/run_ok/contract.json",
                     *       "priority": 0,
                     *       "workflow_id": "workflow_of_run_ok",
                     *       "source_run_id": "run_ok",
                     *       "scheduled_at": null,
                     *       "deadline_at": null,
                     *       "ts": "2026-11-22T08:30:52.000000+00:00",
                     *       "queue_id": "8d3803f0bd0dfc0c76cf57eeebd2cc4c",
                     *       "contract_sha256": "e603fd132135f0c40591416975bcbd52b76665a0818f4ec3d7d61317d28a26e8",
                     *       "requested_by": "Alice Example",
                     *       "actor_role": "OPS",
                     *       "approval_reason": "The nightly run failed on a flaky network.",
                     *       "approval_mode": "manual-owner-default-off",
                     *       "pilot_source": "http_control_plane",
                     *       "principal": "agent:bot",
                     *       "preview_digest": "c37737498d98cc31ba3ee650c17bdb7d2f9b0eba5a28d4f9d6602cb3c0099deb",
                     *       "idempotency_key": null,
                     *       "depth": 1,
                     *       "approval_policy": "operator",
                     *       "approvals": [
                     *         "token:api (OPS)"
                     *       ],
                     *       "approver_reason": "The nightly run is quarantined.",
                     *       "h": "edc3067210467669dbdc1002c56724f4ec92a962bd43a7c26a389473c528577a",
                     *       "already_applied": false,
                     *       "current_status": "PENDING"
                     *     }
                     */
                    "application/json": (components["schemas"]["AppliedView"] | components["schemas"]["PendingView"]) & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `MUTATION_GATE_CLOSED`: Queueing is switched off in this process, which is the default.
             *
             *     `FROZEN`: An operator has frozen queueing and claiming everywhere; cancelling still works.
             *
             *     `ROLE_REQUIRED`: No role was stated.
             *
             *     `ROLE_FORBIDDEN`: The stated role may not do this, or the principal holds no role that may.
             *
             *     `ROLE_MISMATCH`: The stated role is allowed, but this principal does not hold it.
             *
             *     `SCOPE_FORBIDDEN`: This kind of principal may not do this.
             *
             *     `SELF_APPROVAL`: Whoever asks, or answers for the agent that asks where two people must agree, does not approve.
             *
             *     `APPROVER_UNVERIFIED`: Where two people must agree, each must be known by a personal token.
             *
             *     `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here.
             */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "MUTATION_GATE_CLOSED" | "FROZEN" | "ROLE_REQUIRED" | "ROLE_FORBIDDEN" | "ROLE_MISMATCH" | "SCOPE_FORBIDDEN" | "SELF_APPROVAL" | "APPROVER_UNVERIFIED" | "ORIGIN_NOT_ALLOWED";
                        };
                    };
                };
            };
            /**
             * @description `RUN_NOT_FOUND`: There is no run with this id.
             *
             *     `APPROVAL_NOT_FOUND`: There is no approval request with this id.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "RUN_NOT_FOUND" | "APPROVAL_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `IDEMPOTENCY_CONFLICT`: The idempotency key was used before with other arguments.
             *
             *     `RUN_UNREADABLE`: The run cannot be read as what it must be, so nothing may rest on it.
             *
             *     `CONTRACT_ALTERED`: The task contract is not the one the run's manifest vouches for.
             *
             *     `RUN_AWAITING_APPROVAL`: The run itself waits for a human approval.
             *
             *     `PREVIEW_STALE`: What was previewed is no longer what would be queued.
             *
             *     `ALREADY_PENDING`: An equal item of this run waits in the queue already.
             *
             *     `APPROVAL_EXPIRED`: Nobody decided the request in time.
             *
             *     `APPROVAL_DECIDED`: The request was decided before, or you have said yes to it already.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "IDEMPOTENCY_CONFLICT" | "RUN_UNREADABLE" | "CONTRACT_ALTERED" | "RUN_AWAITING_APPROVAL" | "PREVIEW_STALE" | "ALREADY_PENDING" | "APPROVAL_EXPIRED" | "APPROVAL_DECIDED";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            /**
             * @description `LINEAGE_LIMIT`: The run came out of a queue item that is as deep as an item may be.
             *
             *     `PENDING_LIMIT`: As many items of this principal are pending as may be.
             *
             *     `RATE_LIMITED`: This principal asked for too much in too short a time, or queued as many items within an hour as it may.
             */
            429: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "LINEAGE_LIMIT" | "PENDING_LIMIT" | "RATE_LIMITED";
                        };
                    };
                };
            };
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    approval_reject: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The request's id: `apr_` and 32 lower-case hexadecimal digits.
                 * @example apr_00000000000000000000000000000007
                 */
                approval_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description The request, rejected. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "apr_8d3803f0bd0dfc0c76cf57eeebd2cc4c",
                     *       "status": "REJECTED",
                     *       "needs": 1,
                     *       "has": 0,
                     *       "approval_policy": "operator",
                     *       "run_id": "run_ok",
                     *       "task_id": "task_of_run_ok",
                     *       "contract_sha256": "e603fd132135f0c40591416975bcbd52b76665a0818f4ec3d7d61317d28a26e8",
                     *       "priority": 0,
                     *       "requester": {
                     *         "principal": "agent:bot",
                     *         "kind": "agent",
                     *         "sponsor": null
                     *       },
                     *       "joined_count": 0,
                     *       "surface": "http",
                     *       "asked_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "expires_at": "2026-11-23T08:30:52.000000+00:00",
                     *       "ended": {
                     *         "how": "rejected",
                     *         "by": "token:api (OPS)",
                     *         "reason": "The nightly run is quarantined.",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "queue_id": null,
                     *       "stated": {
                     *         "label": "Written by whoever asks; not checked. The dialog of a client can be answered without a person.",
                     *         "written_by": "agent:bot",
                     *         "requested_by": "Alice Example",
                     *         "approval_reason": "The nightly run failed on a flaky network.",
                     *         "elicited": [],
                     *         "truncated": false
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["ApprovalRowView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrApproverUnverifiedOrOriginNotAllowed"];
            /**
             * @description `APPROVAL_NOT_FOUND`: There is no approval request with this id.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "APPROVAL_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            /**
             * @description `APPROVAL_EXPIRED`: Nobody decided the request in time.
             *
             *     `APPROVAL_DECIDED`: The request was decided before, or you have said yes to it already.
             */
            409: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "APPROVAL_EXPIRED" | "APPROVAL_DECIDED";
                        };
                    };
                };
            };
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    gate_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description How the gate stands. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "agents_may_queue": "ON, nobody is asked",
                     *       "mutation_gate": "open",
                     *       "approval_policy": "declared",
                     *       "configured_policy": "declared",
                     *       "floor": "declared",
                     *       "floor_set": null,
                     *       "lowering": null,
                     *       "frozen": null,
                     *       "paused": null,
                     *       "unfrozen": null,
                     *       "resumed": null,
                     *       "since": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "gate_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "policy_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["GateStandingView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    gate_freeze: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description How the gate stands, frozen. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "agents_may_queue": "FROZEN",
                     *       "mutation_gate": "frozen",
                     *       "approval_policy": "declared",
                     *       "configured_policy": "declared",
                     *       "floor": "declared",
                     *       "floor_set": null,
                     *       "lowering": null,
                     *       "frozen": {
                     *         "since": "2026-11-22T08:30:52.000000+00:00",
                     *         "by": "token:api (OPS)",
                     *         "reason": "The nightly run is quarantined."
                     *       },
                     *       "paused": null,
                     *       "unfrozen": null,
                     *       "resumed": null,
                     *       "since": {
                     *         "by": "token:api (OPS)",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "gate_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "policy_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["GateStandingView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrApproverUnverifiedOrOriginNotAllowed"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    gate_unfreeze: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description How the gate stands. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "agents_may_queue": "ON, nobody is asked",
                     *       "mutation_gate": "open",
                     *       "approval_policy": "declared",
                     *       "configured_policy": "declared",
                     *       "floor": "declared",
                     *       "floor_set": null,
                     *       "lowering": null,
                     *       "frozen": null,
                     *       "paused": null,
                     *       "unfrozen": {
                     *         "by": "token:api (OPS)",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "resumed": null,
                     *       "since": {
                     *         "by": "token:api (OPS)",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "gate_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "policy_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["GateStandingView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrApproverUnverifiedOrOriginNotAllowed"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    gate_pause: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description How the gate stands, paused. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "agents_may_queue": "ON, nobody is asked",
                     *       "mutation_gate": "open",
                     *       "approval_policy": "declared",
                     *       "configured_policy": "declared",
                     *       "floor": "declared",
                     *       "floor_set": null,
                     *       "lowering": null,
                     *       "frozen": null,
                     *       "paused": {
                     *         "since": "2026-11-22T08:30:52.000000+00:00",
                     *         "by": "token:api (OPS)",
                     *         "reason": "The nightly run is quarantined."
                     *       },
                     *       "unfrozen": null,
                     *       "resumed": null,
                     *       "since": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "gate_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "policy_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["GateStandingView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrApproverUnverifiedOrOriginNotAllowed"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    gate_resume: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description How the gate stands. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "agents_may_queue": "ON, nobody is asked",
                     *       "mutation_gate": "open",
                     *       "approval_policy": "declared",
                     *       "configured_policy": "declared",
                     *       "floor": "declared",
                     *       "floor_set": null,
                     *       "lowering": null,
                     *       "frozen": null,
                     *       "paused": null,
                     *       "unfrozen": null,
                     *       "resumed": {
                     *         "by": "token:api (OPS)",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "since": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "gate_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       },
                     *       "policy_set": {
                     *         "by": "default",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["GateStandingView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrApproverUnverifiedOrOriginNotAllowed"];
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    tokens_list: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The tokens. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "id": "000000000001",
                     *         "principal": "agent:nightly",
                     *         "kind": "agent",
                     *         "roles": [
                     *           "OPS"
                     *         ],
                     *         "sponsor": "token:api",
                     *         "state": "live",
                     *         "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *         "created_by": "local:root",
                     *         "expires_at": "2026-11-23T08:30:52.000000+00:00",
                     *         "revoked": null
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["TokenViewList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    token_revoke: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The role that the caller acts in, in any case. It may be left out where the principal holds exactly one role. */
                "x-cortexpilot-role"?: components["parameters"]["Role"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
                /** @description `receipt` (RFC 7240): the answer shall have the receipt of the line that was written, or say why there is none. Other preferences are ignored. */
                prefer?: components["parameters"]["Prefer"];
            };
            path: {
                /**
                 * @description The token's id, as the list names it: 12 lower-case hexadecimal digits, never the token itself.
                 * @example 0a1b2c3d4e5f
                 */
                token_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "reason": "The nightly run is quarantined."
                 *     }
                 */
                "application/json": components["schemas"]["DecisionArgs"];
            };
        };
        responses: {
            /** @description The token, taken back. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    "preference-applied": components["headers"]["PreferenceApplied"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "id": "000000000001",
                     *       "principal": "agent:nightly",
                     *       "kind": "agent",
                     *       "roles": [
                     *         "OPS"
                     *       ],
                     *       "sponsor": "token:api",
                     *       "state": "revoked",
                     *       "created_at": "2026-11-22T08:30:52.000000+00:00",
                     *       "created_by": "local:root",
                     *       "expires_at": "2026-11-23T08:30:52.000000+00:00",
                     *       "revoked": {
                     *         "by": "token:api (OPS)",
                     *         "at": "2026-11-22T08:30:52.000000+00:00"
                     *       }
                     *     }
                     */
                    "application/json": components["schemas"]["TokenView"] & components["schemas"]["ReceiptMembers"];
                };
            };
            401: components["responses"]["UnauthenticatedOrAuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["RoleRequiredOrRoleForbiddenOrRoleMismatchOrScopeForbiddenOrApproverUnverifiedOrOriginNotAllowed"];
            /**
             * @description `TOKEN_NOT_FOUND`: There is no valid token with this id.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "TOKEN_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["MetadataRequiredOrMetadataRejectedOrRequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    session_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Who asks. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "principal": "token:api",
                     *       "kind": "operator",
                     *       "roles": [
                     *         "ARCHITECT",
                     *         "OPS",
                     *         "OWNER",
                     *         "TECH_LEAD"
                     *       ],
                     *       "authentication": "on",
                     *       "expires_at": null,
                     *       "version": "1.2.3-test"
                     *     }
                     */
                    "application/json": components["schemas"]["SessionView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    session_create: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                /**
                 * @example {
                 *       "token": "operator-token"
                 *     }
                 */
                "application/json": components["schemas"]["SignInArgs"];
            };
        };
        responses: {
            /** @description Who is signed in now; the session is in `set-cookie`. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "principal": "token:api",
                     *       "kind": "operator",
                     *       "roles": [
                     *         "ARCHITECT",
                     *         "OPS",
                     *         "OWNER",
                     *         "TECH_LEAD"
                     *       ],
                     *       "authentication": "on",
                     *       "expires_at": "2026-11-22T20:30:52.000000+00:00",
                     *       "version": "1.2.3-test"
                     *     }
                     */
                    "application/json": components["schemas"]["SessionView"];
                };
            };
            /** @description `AUTH_INVALID_TOKEN`: The token is not one this server knows. */
            401: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "www-authenticate": components["headers"]["Challenge"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "AUTH_INVALID_TOKEN";
                        };
                    };
                };
            };
            /** @description `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here. */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "ORIGIN_NOT_ALLOWED";
                        };
                    };
                };
            };
            408: components["responses"]["RequestTimeout"];
            413: components["responses"]["BodyTooLarge"];
            415: components["responses"]["UnsupportedMediaType"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            500: components["responses"]["Internal"];
            /**
             * @description `STORE_UNAVAILABLE`: The store cannot be reached or written; nothing was changed.
             *
             *     `OUTCOME_UNKNOWN`: The store failed while writing: whether the change is durable is not known.
             */
            503: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN";
                        };
                    };
                };
            };
        };
    };
    session_end: {
        parameters: {
            query?: {
                /** @description `true`: every session of this principal, in every browser, and its one-time addresses that nobody has opened. */
                everywhere?: boolean;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description Anything, where the request is signed in by session cookie: another site's page cannot send it. Not needed with a bearer token. */
                "x-cortexpilot-csrf"?: components["parameters"]["Csrf"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It has ended. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "signed_out": true,
                     *       "ended": 0
                     *     }
                     */
                    "application/json": components["schemas"]["SignedOutView"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            /** @description `ORIGIN_NOT_ALLOWED`: A page of another origin may not change anything here. */
            403: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "ORIGIN_NOT_ALLOWED";
                        };
                    };
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            /**
             * @description `STORE_UNAVAILABLE`: The store cannot be reached or written; nothing was changed.
             *
             *     `OUTCOME_UNKNOWN`: The store failed while writing: whether the change is durable is not known.
             */
            503: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "retry-after": components["headers"]["RetryAfter"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "STORE_UNAVAILABLE" | "OUTCOME_UNKNOWN";
                        };
                    };
                };
            };
        };
    };
    runs_list: {
        parameters: {
            query?: {
                /**
                 * @description Only runs whose manifest names this status, in any case.
                 * @example FAILURE
                 */
                status?: string;
                /** @description Only runs of this workflow. */
                workflow_id?: string;
                /**
                 * @description Only runs that ended like this: `success`, `gate`, `manual`, `env`, `product`, `failure`, `in_progress` or `unknown`.
                 * @example gate
                 */
                outcome?: string;
                /** @description Only runs of this task. */
                task_id?: string;
                /**
                 * @description Only runs created then or later: ISO 8601 with an offset or `Z`.
                 * @example 2026-03-01T12:00:00Z
                 */
                since?: string;
                /** @description Only runs created before then: ISO 8601 with an offset or `Z`. */
                until?: string;
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The runs. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "run_id": "run_0",
                     *         "task_id": "task_0",
                     *         "status": "SUCCESS",
                     *         "workflow_id": "",
                     *         "workflow_status": "",
                     *         "created_at": null,
                     *         "finished_at": null,
                     *         "start_ts": null,
                     *         "end_ts": null,
                     *         "owner_agent_id": "",
                     *         "owner_role": "",
                     *         "assigned_agent_id": "",
                     *         "assigned_role": "",
                     *         "failure_reason": "",
                     *         "last_event_ts": "",
                     *         "failure_class": "",
                     *         "failure_code": "",
                     *         "failure_stage": "",
                     *         "failure_summary_zh": "",
                     *         "action_hint_zh": "",
                     *         "root_event": "",
                     *         "outcome_type": "success",
                     *         "outcome_label_zh": "Success"
                     *       },
                     *       {
                     *         "run_id": "run_1",
                     *         "task_id": "task_1",
                     *         "status": "SUCCESS",
                     *         "workflow_id": "",
                     *         "workflow_status": "",
                     *         "created_at": null,
                     *         "finished_at": null,
                     *         "start_ts": null,
                     *         "end_ts": null,
                     *         "owner_agent_id": "",
                     *         "owner_role": "",
                     *         "assigned_agent_id": "",
                     *         "assigned_role": "",
                     *         "failure_reason": "",
                     *         "last_event_ts": "",
                     *         "failure_class": "",
                     *         "failure_code": "",
                     *         "failure_stage": "",
                     *         "failure_summary_zh": "",
                     *         "action_hint_zh": "",
                     *         "root_event": "",
                     *         "outcome_type": "success",
                     *         "outcome_label_zh": "Success"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["RunRowList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The run. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "run_id": "run_ok",
                     *       "task_id": "task_ok",
                     *       "status": "SUCCESS",
                     *       "allowed_paths": [
                     *         "docs"
                     *       ],
                     *       "contract": {
                     *         "bulk": ""
                     *       },
                     *       "manifest": {
                     *         "run_id": "run_ok"
                     *       },
                     *       "role_binding_read_model": {},
                     *       "failure_class": "",
                     *       "failure_code": "",
                     *       "failure_stage": "",
                     *       "failure_summary_zh": "",
                     *       "action_hint_zh": "",
                     *       "root_event": "",
                     *       "outcome_type": "success",
                     *       "outcome_label_zh": "Success"
                     *     }
                     */
                    "application/json": components["schemas"]["RunDetail"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_events: {
        parameters: {
            query?: {
                /** @description Only events after this time, compared as instants (as text where one of the two is no time). */
                since?: string;
                /** @description At most so many; alone it keeps the plain array, with `cursor` it is the size of a page (at most 500). */
                limit?: number;
                /** @description With `limit`: the last ones instead of the first. Not together with `cursor`. */
                tail?: boolean;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events, each as its line has it. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "event": 0,
                     *         "asked": {
                     *           "since": null,
                     *           "tail": false
                     *         }
                     *       },
                     *       {
                     *         "event": 1,
                     *         "asked": {
                     *           "since": null,
                     *           "tail": false
                     *         }
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["RunDocumentList"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_reports: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The reports. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "name": "stored_0.json",
                     *         "data": null
                     *       },
                     *       {
                     *         "name": "stored_1.json",
                     *         "data": null
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["ReportList"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_events_stream: {
        parameters: {
            query?: {
                /** @description Only events after this time. */
                since?: string;
                /** @description With how many of the events that are there the stream begins. */
                limit?: number;
                /** @description Begin with the last of them; otherwise with the first, and all others follow. */
                tail?: boolean;
                /** @description Go on with events as they are appended; otherwise the stream ends after those that are there. */
                follow?: boolean;
                /** @description Go on behind this `id`; the header `Last-Event-ID` stands before it. `limit` and `tail` count for nothing then. */
                last_event_id?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
                /** @description The last `id` that was received. */
                "last-event-id"?: string | null;
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The stream. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/event-stream": components["schemas"]["StreamBlock"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_diff: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The diff; empty where the run has none. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "diff": "diff --git a/docs/a.md b/docs/a.md\n@@ -1 +1 @@\n-old\n+new\n",
                     *       "files": [
                     *         "docs/a.md"
                     *       ],
                     *       "truncated": true,
                     *       "problems": [
                     *         {
                     *           "file": "reports/broken.json",
                     *           "line": 3,
                     *           "problem": "is not JSON (at line 3, column 1)"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RunDiff"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_artifacts: {
        parameters: {
            query?: {
                /** @description One file: the answer is then `{"name", "data"}`, as existing clients know it. `data` is parsed JSON, a list of the lines of a `.jsonl` file, or text; null where there is no such file. Files beyond 8 MiB are asked for by their own path. */
                name?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The files. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "items": [
                     *         "notes.txt"
                     *       ],
                     *       "artifacts": [
                     *         {
                     *           "name": "artifacts/notes.txt",
                     *           "size_bytes": 3,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "verified"
                     *         },
                     *         {
                     *           "name": "artifacts/extra.bin",
                     *           "size_bytes": 7,
                     *           "sha256": null,
                     *           "checksum": "unlisted"
                     *         },
                     *         {
                     *           "name": "contract.json",
                     *           "size_bytes": 9,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "altered"
                     *         },
                     *         {
                     *           "name": "events.jsonl",
                     *           "size_bytes": 9,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "unchecked"
                     *         },
                     *         {
                     *           "name": "git/gone.txt",
                     *           "size_bytes": null,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "missing"
                     *         }
                     *       ],
                     *       "truncated": true,
                     *       "problems": [
                     *         {
                     *           "file": "reports/broken.json",
                     *           "line": 3,
                     *           "problem": "is not JSON (at line 3, column 1)"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["ArtifactsAnswer"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_artifact: {
        parameters: {
            query?: {
                /** @description Where to begin, in bytes; 0 unless sent. Not for agents. */
                offset?: number;
                /** @description At most so many bytes; 1 MiB unless sent, at most 8 MiB. Not for agents. */
                limit?: number;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
                /**
                 * @description The file's name as the list has it, its slashes percent-encoded; of a file in `artifacts/` its name there will do.
                 * @example search_results.json
                 */
                name: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The bytes. */
            200: {
                headers: {
                    /** @description Where the next bytes begin; left out at the end of the file. */
                    "x-cortexpilot-next-offset"?: number;
                    /** @description How many bytes the whole file has. */
                    "x-cortexpilot-size-bytes"?: number;
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                    "application/octet-stream": number[];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `RUN_NOT_FOUND`: There is no run with this id.
             *
             *     `ARTIFACT_NOT_FOUND`: The run has no such file that may be read.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "RUN_NOT_FOUND" | "ARTIFACT_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_search: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Each file's content; null where the run has none. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "run_id": "run_ok",
                     *       "raw": {
                     *         "latest": {
                     *           "results": []
                     *         }
                     *       },
                     *       "raw_history": [
                     *         {
                     *           "results": []
                     *         }
                     *       ],
                     *       "verification": null,
                     *       "verification_history": null,
                     *       "purified": null,
                     *       "search_summary": null,
                     *       "verification_ai": null,
                     *       "browser_results": null,
                     *       "news_digest_result": null,
                     *       "topic_brief_result": null,
                     *       "page_brief_result": null,
                     *       "evidence_bundle": null,
                     *       "problems": [
                     *         {
                     *           "file": "reports/broken.json",
                     *           "line": 3,
                     *           "problem": "is not JSON (at line 3, column 1)"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RunSearch"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_compare: {
        parameters: {
            query?: {
                /** @description Another run. Without it the answer is the comparison that the run's writer stored, if any. */
                with?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The comparison. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "run_id": "run_ok",
                     *       "source": "stored",
                     *       "compare_summary": {
                     *         "mismatched_count": 1
                     *       },
                     *       "report": {
                     *         "report_type": "run_compare_report",
                     *         "compare_summary": {
                     *           "mismatched_count": 1
                     *         }
                     *       },
                     *       "comparison": null,
                     *       "problems": [
                     *         {
                     *           "file": "reports/broken.json",
                     *           "line": 3,
                     *           "problem": "is not JSON (at line 3, column 1)"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RunCompare"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_proof: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The proof. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "run_id": "run_ok",
                     *       "source": "derived",
                     *       "proof_pack": {
                     *         "report_type": "proof_pack",
                     *         "proof_ready": true
                     *       },
                     *       "evidence": {
                     *         "verified": 1,
                     *         "altered": 1,
                     *         "missing": 1,
                     *         "unlisted": 1,
                     *         "unchecked": 1
                     *       },
                     *       "files": [
                     *         {
                     *           "name": "artifacts/notes.txt",
                     *           "size_bytes": 3,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "verified"
                     *         },
                     *         {
                     *           "name": "artifacts/extra.bin",
                     *           "size_bytes": 7,
                     *           "sha256": null,
                     *           "checksum": "unlisted"
                     *         },
                     *         {
                     *           "name": "contract.json",
                     *           "size_bytes": 9,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "altered"
                     *         },
                     *         {
                     *           "name": "events.jsonl",
                     *           "size_bytes": 9,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "unchecked"
                     *         },
                     *         {
                     *           "name": "git/gone.txt",
                     *           "size_bytes": null,
                     *           "sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                     *           "checksum": "missing"
                     *         }
                     *       ],
                     *       "truncated": false,
                     *       "hash_chain": "incomplete",
                     *       "reports": [
                     *         "news_digest_result.json"
                     *       ],
                     *       "problems": [
                     *         {
                     *           "file": "reports/broken.json",
                     *           "line": 3,
                     *           "problem": "is not JSON (at line 3, column 1)"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RunProof"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    run_incident: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The run's id: its directory's name.
                 * @example run_ok
                 */
                run_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The incident; an empty pack where there is none. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "run_id": "run_ok",
                     *       "source": "stored",
                     *       "incident_pack": {
                     *         "report_type": "incident_pack"
                     *       },
                     *       "failure_class": "",
                     *       "failure_code": "",
                     *       "failure_stage": "",
                     *       "failure_summary_zh": "",
                     *       "action_hint_zh": "",
                     *       "root_event": "",
                     *       "outcome_type": "success",
                     *       "outcome_label_zh": "Success",
                     *       "awaits_approval": null,
                     *       "problems": [
                     *         {
                     *           "file": "reports/broken.json",
                     *           "line": 3,
                     *           "problem": "is not JSON (at line 3, column 1)"
                     *         }
                     *       ]
                     *     }
                     */
                    "application/json": components["schemas"]["RunIncident"];
                };
            };
            400: components["responses"]["RunIdInvalid"];
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            404: components["responses"]["RunNotFoundOrNotFound"];
            409: components["responses"]["RunUnreadable"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    contracts_list: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The contracts. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "task_id": "task_1",
                     *         "allowed_paths": [
                     *           "docs"
                     *         ],
                     *         "_source": "runs",
                     *         "_path": "/srv/runs/run_0/contract.json",
                     *         "_run_id": "run_0",
                     *         "_sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
                     *       },
                     *       {
                     *         "task_id": "task_1",
                     *         "allowed_paths": [
                     *           "docs"
                     *         ],
                     *         "_source": "runs",
                     *         "_path": "/srv/runs/run_1/contract.json",
                     *         "_run_id": "run_1",
                     *         "_sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["RunDocumentList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    diff_gate_list: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The runs. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "run_id": "run_0",
                     *         "diff_gate": {
                     *           "result": "REJECTED"
                     *         },
                     *         "status": null,
                     *         "failure_reason": "diff gate violation",
                     *         "allowed_paths": [
                     *           "docs",
                     *           7
                     *         ],
                     *         "problems": [
                     *           {
                     *             "file": "reports/broken.json",
                     *             "line": 3,
                     *             "problem": "is not JSON (at line 3, column 1)"
                     *           }
                     *         ]
                     *       },
                     *       {
                     *         "run_id": "run_1",
                     *         "diff_gate": {
                     *           "result": "REJECTED"
                     *         },
                     *         "status": null,
                     *         "failure_reason": "diff gate violation",
                     *         "allowed_paths": [
                     *           "docs",
                     *           7
                     *         ],
                     *         "problems": [
                     *           {
                     *             "file": "reports/broken.json",
                     *             "line": 3,
                     *             "problem": "is not JSON (at line 3, column 1)"
                     *           }
                     *         ]
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["DiffGateRowList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    reviews_list: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The reports. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "run_id": "run_0",
                     *         "report": {
                     *           "name": "review_report.json"
                     *         }
                     *       },
                     *       {
                     *         "run_id": "run_1",
                     *         "report": {
                     *           "name": "review_report.json"
                     *         }
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["RunReportList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    tests_list: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The reports. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "run_id": "run_0",
                     *         "report": {
                     *           "name": "test_report.json"
                     *         }
                     *       },
                     *       {
                     *         "run_id": "run_1",
                     *         "report": {
                     *           "name": "test_report.json"
                     *         }
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["RunReportList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    events_list: {
        parameters: {
            query?: {
                /** @description At most so many; of more than 2,000 the newest 2,000 are shown. */
                limit?: number;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The events. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "asked": 200,
                     *         "_run_id": "run_ok"
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["RunDocument"][];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    workflows_list: {
        parameters: {
            query?: {
                /** @description At most so many entries. Sent alone or with `cursor` it asks for a page. */
                limit?: number;
                /** @description `next_cursor` of the page before; blank asks for the first page. */
                cursor?: string;
            };
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The cases. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-problems": components["headers"]["Problems"];
                    "x-cortexpilot-problem-count": components["headers"]["ProblemCount"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example [
                     *       {
                     *         "workflow_id": "wf-0",
                     *         "task_queue": "",
                     *         "namespace": "",
                     *         "status": "SUCCESS",
                     *         "verdict": "healthy",
                     *         "summary": "Workflow case is healthy.",
                     *         "objective": "",
                     *         "owner_pm": "",
                     *         "project_key": "",
                     *         "pm_session_ids": [],
                     *         "case_source": "derived",
                     *         "case_updated_at": "",
                     *         "runs": []
                     *       },
                     *       {
                     *         "workflow_id": "wf-1",
                     *         "task_queue": "",
                     *         "namespace": "",
                     *         "status": "SUCCESS",
                     *         "verdict": "healthy",
                     *         "summary": "Workflow case is healthy.",
                     *         "objective": "",
                     *         "owner_pm": "",
                     *         "project_key": "",
                     *         "pm_session_ids": [],
                     *         "case_source": "derived",
                     *         "case_updated_at": "",
                     *         "runs": []
                     *       }
                     *     ]
                     */
                    "application/json": components["schemas"]["WorkflowCaseList"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    workflow_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path: {
                /**
                 * @description The workflow's id, as runs name it.
                 * @example wf-1
                 */
                workflow_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The case. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "workflow": {
                     *         "workflow_id": "wf/α 1",
                     *         "task_queue": "",
                     *         "namespace": "",
                     *         "status": "SUCCESS",
                     *         "verdict": "healthy",
                     *         "summary": "Workflow case is healthy.",
                     *         "objective": "",
                     *         "owner_pm": "",
                     *         "project_key": "",
                     *         "pm_session_ids": [],
                     *         "case_source": "derived",
                     *         "case_updated_at": "",
                     *         "runs": []
                     *       },
                     *       "runs": [],
                     *       "events": []
                     *     }
                     */
                    "application/json": components["schemas"]["WorkflowDetail"];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            /**
             * @description `WORKFLOW_NOT_FOUND`: There is no workflow case with this id.
             *
             *     `NOT_FOUND`: There is nothing at this path.
             */
            404: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": (components["schemas"]["Refusal"] & {
                        detail?: components["schemas"]["RefusalDetail"] & {
                            /** @enum {unknown} */
                            code?: "WORKFLOW_NOT_FOUND";
                        };
                    }) | components["schemas"]["PlainRefusal"];
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    config_get: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Every setting, in the order of the documentation. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example [] */
                    "application/json": components["schemas"]["SettingView"][];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    config_clients: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One entry for each client and scope. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    "x-cortexpilot-redacted": components["headers"]["Redacted"];
                    "x-cortexpilot-truncated": components["headers"]["Truncated"];
                    [name: string]: unknown;
                };
                content: {
                    /** @example [] */
                    "application/json": components["schemas"]["InstallView"][];
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            403: components["responses"]["ScopeForbidden"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    health: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Health"];
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    api_health: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It does. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Health"];
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    readyz: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description It can. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    /**
                     * @example {
                     *       "status": "ok"
                     *     }
                     */
                    "application/json": components["schemas"]["Health"];
                };
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            500: components["responses"]["Internal"];
            503: components["responses"]["LedgerCorruptOrLedgerNewerOrStoreUnavailableOrOutcomeUnknown"];
            507: components["responses"]["StoreFull"];
        };
    };
    metrics: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The counters in the Prometheus text format, version 0.0.4. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/plain": string;
                };
            };
            401: components["responses"]["AuthMissingBearerOrAuthInvalidToken"];
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    openapi: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An OpenAPI 3.1 document. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": Record<string, never>;
                };
            };
            /** @description It is the one that `if-none-match` names. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
    docs: {
        parameters: {
            query?: never;
            header?: {
                /** @description Under which name the caller knows this request. It is echoed, and stands in the server's log; without it, or where it is not 1 to 128 visible ASCII characters, the server makes one. */
                "x-request-id"?: components["parameters"]["RequestId"];
                /** @description Under which name the caller knows what this request is part of. Echoed likewise. */
                "x-trace-id"?: components["parameters"]["TraceId"];
                /** @description W3C Trace Context. Its trace id counts where `x-trace-id` was not sent. */
                traceparent?: components["parameters"]["TraceParent"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The page. */
            200: {
                headers: {
                    "x-request-id": components["headers"]["RequestId"];
                    "x-trace-id": components["headers"]["TraceId"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": string;
                };
            };
            /** @description It is the one that `if-none-match` names. */
            304: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            421: components["responses"]["HostNotAllowed"];
            422: components["responses"]["RequestValidation"];
            500: components["responses"]["Internal"];
            503: components["responses"]["StoreUnavailable"];
        };
    };
}
