// The members of OrtApi that are used: index in the struct and signature.
//
// The struct is append-only and never reordered (onnxruntime_c_api.h, "NOTE: The ordering of these fields MUST not
// change"), so an index holds for every release since the member's. Signature letters:
//   p pointer   s C string   i int32   z size_t; before the colon the result: S status, v void, i int32, s C string.

export const memberTable = {
  GetErrorCode: [1, 'i:p'],
  GetErrorMessage: [2, 's:p'],
  CreateEnv: [3, 'S:isp'],
  CreateSession: [7, 'S:pppp'],
  CreateSessionFromArray: [8, 'S:ppzpp'],
  Run: [9, 'S:ppppzpzp'],
  CreateSessionOptions: [10, 'S:p'],
  EnableProfiling: [14, 'S:ps'],
  DisableMemPattern: [17, 'S:p'],
  SetSessionLogSeverityLevel: [22, 'S:pi'],
  SetSessionGraphOptimizationLevel: [23, 'S:pi'],
  SetIntraOpNumThreads: [24, 'S:pi'],
  SetInterOpNumThreads: [25, 'S:pi'],
  SessionGetInputCount: [30, 'S:pp'],
  SessionGetOutputCount: [31, 'S:pp'],
  SessionGetInputTypeInfo: [33, 'S:pzp'],
  SessionGetOutputTypeInfo: [34, 'S:pzp'],
  SessionGetInputName: [36, 'S:pzpp'],
  SessionGetOutputName: [37, 'S:pzpp'],
  CreateRunOptions: [39, 'S:p'],
  RunOptionsSetTerminate: [46, 'S:p'],
  CreateTensorAsOrtValue: [48, 'S:ppzip'],
  CreateTensorWithDataAsOrtValue: [49, 'S:ppzpzip'],
  GetTensorMutableData: [51, 'S:pp'],
  CastTypeInfoToTensorInfo: [55, 'S:pp'],
  GetTensorElementType: [60, 'S:pp'],
  GetDimensionsCount: [61, 'S:pp'],
  GetDimensions: [62, 'S:ppz'],
  GetSymbolicDimensions: [63, 'S:ppz'],
  GetTensorTypeAndShape: [65, 'S:pp'],
  CreateMemoryInfo: [68, 'S:siiip'],
  CreateCpuMemoryInfo: [69, 'S:iip'],
  AllocatorFree: [76, 'S:pp'],
  GetAllocatorWithDefaultOptions: [78, 'S:p'],
  ReleaseEnv: [92, 'v:p'],
  ReleaseStatus: [93, 'v:p'],
  ReleaseMemoryInfo: [94, 'v:p'],
  ReleaseSession: [95, 'v:p'],
  ReleaseValue: [96, 'v:p'],
  ReleaseRunOptions: [97, 'v:p'],
  ReleaseTypeInfo: [98, 'v:p'],
  ReleaseTensorTypeAndShapeInfo: [99, 'v:p'],
  ReleaseSessionOptions: [100, 'v:p'],
  SessionEndProfiling: [110, 'S:ppp'],
  GetAvailableProviders: [125, 'S:pp'],
  ReleaseAvailableProviders: [126, 'S:pi'],
  AddSessionConfigEntry: [130, 'S:pss'],
  CreateAllocator: [131, 'S:ppp'],
  ReleaseAllocator: [132, 'v:p'],
  RunWithBinding: [133, 'S:ppp'],
  CreateIoBinding: [134, 'S:pp'],
  ReleaseIoBinding: [135, 'v:p'],
  BindInput: [136, 'S:psp'],
  BindOutput: [137, 'S:psp'],
  SynchronizeBoundInputs: [202, 'S:p'],
  SynchronizeBoundOutputs: [203, 'S:p'],
  SessionOptionsAppendExecutionProvider_CUDA_V2: [204, 'S:pp'],
  CreateCUDAProviderOptions: [205, 'S:p'],
  UpdateCUDAProviderOptions: [206, 'S:pppz'],
  ReleaseCUDAProviderOptions: [208, 'v:p'],
  GetBuildInfoString: [254, 's:'],
  CopyTensors: [386, 'S:ppppz'],
} as const satisfies Record<string, readonly [index: number, signature: string]>;

export type Member = keyof typeof memberTable;
/** Members that answer with a status: null on success. */
export type Fallible = {
  [M in Member]: (typeof memberTable)[M][1] extends `S:${string}` ? M : never;
}[Member];
/** Members that only release a handle. */
export type Release = {
  [M in Member]: (typeof memberTable)[M][1] extends 'v:p' ? M : never;
}[Member];
