// Points on a canvas: with WebGL where there is one, otherwise with the 2-D pen. Places run from 0 to 1.
const VERTEX = `
attribute vec2 place; attribute vec4 colour; varying vec4 shade;
uniform vec2 scale; uniform vec2 offset; uniform float size;
void main() {
  gl_Position = colour.a == 0.0 ? vec4(2.0, 2.0, 2.0, 1.0) : vec4(place * scale + offset, 0.0, 1.0);
  gl_PointSize = colour.a < 0.5 ? size * 0.7 : size; shade = colour;
}`;
const FRAGMENT = `
precision mediump float; varying vec4 shade;
void main() {
  if (length(gl_PointCoord - 0.5) > 0.5) discard;
  gl_FragColor = vec4(shade.rgb * shade.a, shade.a);
}`;

function makeRenderer(canvas, x, y, steps) {
  const gl = hasGraphicsProcessor() && canvas.getContext("webgl", { antialias: true, premultipliedAlpha: true });
  const program = gl && buildProgram(gl);
  return program ? makeFastRenderer(gl, program, x, y, steps) : makePlainRenderer(canvas, x, y, steps);
}

// WebGL in software is slower than the pen and fills the console with warnings: asked of another canvas, since a canvas
// that was once asked for WebGL has no pen any more.
function hasGraphicsProcessor() {
  const gl = document.createElement("canvas").getContext("webgl", { failIfMajorPerformanceCaveat: true });
  if (!gl) return false;
  const named = gl.getExtension("WEBGL_debug_renderer_info");
  const name = named ? gl.getParameter(named.UNMASKED_RENDERER_WEBGL) : "";
  gl.getExtension("WEBGL_lose_context")?.loseContext();
  return !/swiftshader|llvmpipe|software/i.test(String(name));
}

function buildProgram(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  return gl.getProgramParameter(program, gl.LINK_STATUS) ? program : null;
}

function makeFastRenderer(gl, program, x, y, steps) {
  const places = new Float32Array(2 * x.length);
  for (let point = 0; point < x.length; point += 1) {
    places[2 * point] = x[point] / steps;
    places[2 * point + 1] = y[point] / steps;
  }
  gl.useProgram(program);
  const bind = (name, width, type, isScaled) => {
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    const slot = gl.getAttribLocation(program, name);
    gl.enableVertexAttribArray(slot);
    gl.vertexAttribPointer(slot, width, type, isScaled, 0, 0);
    return buffer;
  };
  bind("place", 2, gl.FLOAT, false);
  gl.bufferData(gl.ARRAY_BUFFER, places, gl.STATIC_DRAW);
  const colourBuffer = bind("colour", 4, gl.UNSIGNED_BYTE, true);
  const uniform = (name) => gl.getUniformLocation(program, name);
  const [scale, offset, size] = ["scale", "offset", "size"].map(uniform);
  gl.enable(gl.BLEND);
  gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  return {
    kind: "webgl",
    paint(colours) {
      gl.bindBuffer(gl.ARRAY_BUFFER, colourBuffer);
      gl.bufferData(gl.ARRAY_BUFFER, colours, gl.DYNAMIC_DRAW);
    },
    draw({ width, height, side, left, top, pointSize, ratio }) {
      gl.viewport(0, 0, width * ratio, height * ratio);
      gl.clear(gl.COLOR_BUFFER_BIT);
      gl.uniform2f(scale, (2 * side) / width, (2 * side) / height);
      gl.uniform2f(offset, (2 * left) / width - 1, 1 - (2 * (top + side)) / height);
      gl.uniform1f(size, pointSize * ratio);
      gl.drawArrays(gl.POINTS, 0, x.length);
    },
  };
}

// Without a graphics processor the points are written into the picture themselves: many times faster than one rectangle each.
function makePlainRenderer(canvas, x, y, steps) {
  const pen = canvas.getContext("2d");
  let [order, words, image, out] = [new Uint32Array(0), new Uint32Array(0), null, null];
  return {
    kind: "2d",
    paint(colours) {
      words = new Uint32Array(colours.buffer);
      const faint = []; // below the others
      const lit = [];
      words.forEach((word, point) => { if (word >>> 24) (word >>> 24 < 128 ? faint : lit).push(point); });
      order = Uint32Array.from([...faint, ...lit]);
    },
    draw({ side, left, top, pointSize, ratio }) {
      const { width, height } = canvas;
      if (!width || !height) return;
      if (!image || image.width !== width || image.height !== height) {
        image = pen.createImageData(width, height);
        out = new Uint32Array(image.data.buffer);
      }
      out.fill(0);
      const size = Math.max(Math.round(pointSize * ratio), 1);
      const [scale, right, down] = [(side * ratio) / steps, left * ratio - size / 2, (top + side) * ratio - size / 2];
      for (const point of order) {
        const [px, py] = [Math.round(right + x[point] * scale), Math.round(down - y[point] * scale)];
        if (px <= -size || py <= -size || px >= width || py >= height) continue;
        const [x0, x1, y1] = [Math.max(px, 0), Math.min(px + size, width), Math.min(py + size, height)];
        const word = words[point];
        for (let row = Math.max(py, 0); row < y1; row += 1) {
          for (let at = row * width + x0, end = row * width + x1; at < end; at += 1) out[at] = out[at] ? mix(out[at], word) : word;
        }
      }
      pen.putImageData(image, 0, 0);
    },
  };
}

// One colour over another, each as 32 bits of alpha, blue, green and red, not multiplied by alpha.
function mix(under, over) {
  const alpha = over >>> 24;
  const whole = alpha + (((under >>> 24) * (255 - alpha)) / 255);
  const part = alpha / whole;
  let word = Math.round(whole) << 24;
  for (let shift = 0; shift < 24; shift += 8) {
    const below = (under >>> shift) & 255;
    word |= Math.round(below + (((over >>> shift) & 255) - below) * part) << shift;
  }
  return word >>> 0;
}
