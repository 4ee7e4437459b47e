// How a kernel binds what its struct Uniforms says: behind the buffers that it could have at most.

@group(0) @binding(8) var<uniform> uniforms: Uniforms;
