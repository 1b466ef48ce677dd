#version 100
// SPDX-License-Identifier: LGPL-2.1-or-later
//
// Packed RGB from a texture of bytes that has three of them for each pixel:
// for GPUs that know no 24-bit texture.  For glshader, which renders as many
// pixels as the caps behind it say; see docs/manual/io-modes.md.  For BGR, swap
// first and third.
#ifdef GL_ES
precision highp float;
#endif
varying vec2 v_texcoord;
uniform sampler2D tex;
uniform float width; // pixels that are rendered: a third of the bytes in a row

float byte_at (float x)
{
  return texture2D (tex, vec2 ((x + 0.5) / (3.0 * width), v_texcoord.y)).r;
}

void main ()
{
  float first = 3.0 * floor (v_texcoord.x * width);

  gl_FragColor = vec4 (byte_at (first), byte_at (first + 1.0),
      byte_at (first + 2.0), 1.0);
}
