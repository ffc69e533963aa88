# Draws lines of JSON, one flat object each, as an SVG with logarithmic axes.
#
#   awk -f draw.awk -v title=… -v x_title=… -v y_title=… -v series="NAME:FIELD;NAME:FIELD@OF" lines.jsonl
#
# The field "x" is where a point stands. A series takes FIELD from the lines that have it, or only from those whose "of"
# is OF. The field cost_us is worked out: microseconds per operation.

BEGIN {
  width = 720; height = 420
  left = 80; right = 24; top = 48; bottom = 96
  split("#0b6e99 #d9730d #6940a5 #4d6461", colours, " ")
  count = split(series, described, ";")
  for (i = 1; i <= count; i++) {
    split(described[i], part, ":")
    split(part[2], source, "@")
    name[i] = part[1]; field[i] = source[1]; of[i] = source[2]
  }
}

# The value of a field in the line at hand, "" where it has none.
function value_of(key,   rest) {
  if (key == "cost_us") {
    rest = value_of("per_second")
    return rest > 0 ? 1e6 / rest : ""
  }
  if (!match($0, "\"" key "\":")) return ""
  rest = substr($0, RSTART + RLENGTH)
  if (match(rest, /^"[^"]*"/)) return substr(rest, 2, RLENGTH - 2)
  return match(rest, /^[-+.0-9eE]+/) ? substr(rest, 1, RLENGTH) + 0 : ""
}

{
  x = value_of("x")
  for (i = 1; i <= count; i++) {
    y = value_of(field[i])
    if (x == "" || x <= 0 || y == "" || y <= 0 || (of[i] != "" && of[i] != value_of("of"))) continue
    n = ++points[i]
    xs[i, n] = x; ys[i, n] = y
    if (!seen++) { x_min = x_max = x; y_min = y_max = y }
    if (x < x_min) x_min = x
    if (x > x_max) x_max = x
    if (y < y_min) y_min = y
    if (y > y_max) y_max = y
  }
}

function log10(number) { return log(number) / log(10) }
function below(number,   power) {
  power = int(log10(number) + 1e-9)
  return log10(number) < power - 1e-9 ? power - 1 : power
}
function above(number) { return log10(number) > below(number) + 1e-9 ? below(number) + 1 : below(number) }
function place_x(number) { return left + (log10(number) - x_low) / (x_high - x_low) * (width - left - right) }
function place_y(number) {
  return height - bottom - (log10(number) - y_low) / (y_high - y_low) * (height - top - bottom)
}
function escaped(text) { gsub(/&/, "\\&amp;", text); gsub(/</, "\\&lt;", text); return text }

# A power of ten as people read it: 10 k, 1 M, 0.01.
function power_text(power) {
  if (power >= 6) return 10 ^ (power - 6) " M"
  if (power >= 3) return 10 ^ (power - 3) " k"
  return power < 0 ? sprintf("%.*f", -power, 10 ^ power) : 10 ^ power
}

function text(x, y, anchor, words, style) {
  printf "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, style, escaped(words)
}

function line(x1, y1, x2, y2) {
  printf "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=\"#ccc\"/>\n", x1, y1, x2, y2
}

function draw_axes(   power, at) {
  for (power = x_low; power <= x_high; power++) {
    at = place_x(10 ^ power)
    line(at, top, at, height - bottom)
    text(at, height - bottom + 18, "middle", power_text(power))
  }
  for (power = y_low; power <= y_high; power++) {
    at = place_y(10 ^ power)
    line(left, at, width - right, at)
    text(left - 8, at + 4, "end", power_text(power))
  }
  text((left + width - right) / 2, height - bottom + 38, "middle", x_title)
  at = (top + height - bottom) / 2
  text(20, at, "middle", y_title, sprintf(" transform=\"rotate(-90 20 %.1f)\"", at))
}

# Lines are measured in any order; they are drawn from left to right.
function sort_points(i,   a, b, keep) {
  for (a = 2; a <= points[i]; a++) {
    for (b = a; b > 1 && xs[i, b - 1] > xs[i, b]; b--) {
      keep = xs[i, b]; xs[i, b] = xs[i, b - 1]; xs[i, b - 1] = keep
      keep = ys[i, b]; ys[i, b] = ys[i, b - 1]; ys[i, b - 1] = keep
    }
  }
}

function draw_series(i,   n, path, at) {
  sort_points(i)
  for (n = 1; n <= points[i]; n++) {
    path = path sprintf("%.1f,%.1f ", place_x(xs[i, n]), place_y(ys[i, n]))
    printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", place_x(xs[i, n]), place_y(ys[i, n]), colours[i]
  }
  printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", path, colours[i]
  at = left + (i - 1) * 200
  printf "<rect x=\"%.1f\" y=\"%.1f\" width=\"12\" height=\"12\" fill=\"%s\"/>\n", at, height - 30, colours[i]
  text(at + 18, height - 20, "start", name[i])
}

END {
  if (!seen) {
    print "draw.awk: there is no point to draw" > "/dev/stderr"
    exit 1
  }
  x_low = below(x_min); x_high = above(x_max); y_low = below(y_min); y_high = above(y_max)
  if (x_high == x_low) x_high++
  if (y_high == y_low) y_high++
  printf "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\"", width, height
  print " font-family=\"sans-serif\" font-size=\"13\">"
  printf "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", width, height
  text(left, 26, "start", title, " font-size=\"16\"")
  draw_axes()
  for (i = 1; i <= count; i++) draw_series(i)
  print "</svg>"
}
