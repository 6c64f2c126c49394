/** The bytes of a safetensors file, taken apart and put together: 8 bytes with the length of the header, the header as JSON, data. */

export interface SafetensorsParts {
  readonly header: string;
  readonly data: Uint8Array;
}

export function safetensorsParts(file: Uint8Array): SafetensorsParts {
  const length = Number(new DataView(file.buffer, file.byteOffset).getBigUint64(0, true));
  return { header: new TextDecoder().decode(file.subarray(8, 8 + length)), data: file.subarray(8 + length) };
}

export function safetensorsFile({ header, data }: SafetensorsParts): Uint8Array {
  const text = new TextEncoder().encode(header);
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}
