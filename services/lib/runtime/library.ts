// Finds ONNX Runtime's shared library inside onnxruntime-node and opens it; one copy per thread.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import koffi, { type LibraryHandle } from 'koffi';
import { DdkError, presetVariable } from '#base';

/** Version of the C API this project is written against: members up to this version are used. */
const apiVersion = 23;
/** The oldest release that serves {@link apiVersion}; the struct is append-only, so every later one does as well. */
const oldestMinor = 23;

const libraryNames: Partial<Record<NodeJS.Platform, string>> = {
  linux: 'libonnxruntime.so.1',
  darwin: 'libonnxruntime.1.dylib',
};

/** Folder of the shared library, where execution providers are looked for as well. */
export function libraryFolder(): string {
  const packageJson = createRequire(import.meta.url).resolve('onnxruntime-node/package.json');
  return join(dirname(packageJson), 'bin', 'napi-v6', process.platform, process.arch);
}

export interface Library {
  readonly version: string;
  /** Address of `OrtApi`, a struct of function pointers. */
  readonly api: bigint;
}

let opened: Library | undefined;
// koffi unloads a library whose handle is collected.
let loaded: LibraryHandle | undefined;

/** Opens the library once. Throws `failed_precondition` where there is none for this platform or it is too old. */
export function openLibrary(): Library {
  if (opened) return opened;
  const name = libraryNames[process.platform];
  const path = name && join(libraryFolder(), name);
  if (!path || !existsSync(path)) {
    throw new DdkError(
      'failed_precondition',
      `onnxruntime-node has no library for ${process.platform}/${process.arch}${path ? ` (looked for ${path})` : ''}; ` +
        'use Linux on x64 or arm64, or macOS on arm64',
    );
  }
  // Builds of 1.30 and later report their use to the network and leave files in /tmp and ~/.cache unless told not to.
  presetVariable('ORT_DISABLE_TELEMETRY', '1');
  loaded = koffi.load(path);
  const base = loaded.func('OrtGetApiBase', 'void *', [])() as bigint;
  // OrtApiBase: { const OrtApi* (*GetApi)(uint32_t); const char* (*GetVersionString)(void); }
  const [getApi, getVersionString] = new BigUint64Array(koffi.view(base, 16).slice(0));
  const version = koffi.decode(getVersionString, koffi.proto('str', []))() as string;
  const [major, minor] = version.split('.').map(Number);
  if (major !== 1 || minor === undefined || !(minor >= oldestMinor)) {
    throw new DdkError(
      'failed_precondition',
      `ONNX Runtime ${version} at ${path} is not supported: 1.${oldestMinor} or a later 1.x is needed`,
    );
  }
  const api = koffi.decode(getApi, koffi.proto('void *', ['uint32_t']))(apiVersion) as bigint | null;
  if (!api) {
    throw new DdkError(
      'failed_precondition',
      `ONNX Runtime ${version} does not serve C API version ${apiVersion}`,
    );
  }
  opened = { version, api };
  return opened;
}
