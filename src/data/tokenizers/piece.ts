/**
 * A piece of a text on its way through a pipeline.
 *
 * The Rust library tracks for every character its position in the original text. Ids depend on that in one place only:
 * `Metaspace` with the scheme `first` asks whether a piece begins where the text begins. So that is all that is kept.
 */
export interface Piece {
  text: string;
  /** Units at the start that came from the very first character of the original text; 0 in a piece from further on. */
  head: number;
  /** Units at the start that came from nothing: what an expression that matches nothing put in front. */
  inserted: number;
}

/** The part [start, end) of a piece. */
export function slice(piece: Piece, start: number, end: number): Piece {
  return {
    text: piece.text.slice(start, end),
    head: clamp(piece.head - start, end - start),
    inserted: clamp(piece.inserted - start, end - start),
  };
}

// --- internal ---

const clamp = (value: number, most: number): number => Math.max(0, Math.min(value, most));
