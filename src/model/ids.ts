// The identifiers that travel through the host, each a string of its own kind so that none is taken for another.

declare const kind: unique symbol
type Branded<Name extends string> = string & { readonly [kind]: Name }

export type TaskId = Branded<'TaskId'>
export type StepId = Branded<'StepId'>
export type NamedTaskId = Branded<'NamedTaskId'>
export type CorrelationId = Branded<'CorrelationId'>
export type WorkerId = Branded<'WorkerId'>
/** The `in_progress` transition that a claim wrote: the fencing token of everything done under that claim. */
export type ClaimToken = Branded<'ClaimToken'>
/** One claim statement; it tells a worker's own claims apart when an answer got lost. */
export type ClaimId = Branded<'ClaimId'>
export type CallId = Branded<'CallId'>
