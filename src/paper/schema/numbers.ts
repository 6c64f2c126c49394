/** Numbers that many settings are. */

import { value } from '../schema-part';

/** A whole number from 1. */
export const count = value('number.integer >= 1');
/** A whole number from 0. */
export const whole = value('number.integer >= 0');
export const positive = value('number > 0');
export const notNegative = value('number >= 0');
/** A part of a whole that is not all of it. */
export const share = value('0 <= number < 1');
/** Below 1 a share of the rows, from 2 a number of them. */
export const shareOrRows = value('0 <= number < 1 | number.integer >= 2');
export const truth = value('boolean');
export const text = value('string >= 1');
export const textOrNull = value('string >= 1 | null');
export const countOrNull = value('number.integer >= 1 | null');
