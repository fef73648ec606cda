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

function makePlainRenderer(canvas, x, y, steps) {
  const pen = canvas.getContext("2d");
  let batches = [];
  return {
    kind: "2d",
    paint(colours) {
      const byColour = new Map();
      const words = new Uint32Array(colours.buffer);
      words.forEach((word, point) => {
        if (!colours[4 * point + 3]) return;
        if (!byColour.has(word)) byColour.set(word, []);
        byColour.get(word).push(point);
      });
      batches = [...byColour.values()].map((points) => {
        const [red, green, blue, alpha] = colours.subarray(4 * points[0], 4 * points[0] + 4);
        return { points: Uint32Array.from(points), style: `rgb(${red} ${green} ${blue} / ${alpha / 255})`, alpha };
      }).sort((one, other) => one.alpha - other.alpha);
    },
    draw({ width, height, side, left, top, pointSize, ratio }) {
      pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      pen.clearRect(0, 0, width, height);
      const half = pointSize / 2;
      for (const { points, style } of batches) {
        pen.fillStyle = style;
        for (const point of points) {
          const px = left + (x[point] / steps) * side;
          const py = top + (1 - y[point] / steps) * side;
          if (px > -half && py > -half && px < width + half && py < height + half) pen.fillRect(px - half, py - half, pointSize, pointSize);
        }
      }
    },
  };
}
