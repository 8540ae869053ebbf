// The environment of functions in design documents, as in CouchDB, and the functions that the server
// calls. All arguments and results are JSON text.
var sandbox = (function (global) {
  "use strict";

  // CouchDB's engine does not have iterator helpers.
  delete global.Iterator;

  var rows = [];
  var functions = {};
  var library = {};
  var modules = {};

  global.emit = function (key, value) {
    rows.push([key, value]);
  };
  global.sum = function (values) {
    return values.reduce(function (total, value) { return total + value; }, 0);
  };
  global.isArray = Array.isArray;
  global.toJSON = function (value) { return JSON.stringify(value); };
  global.log = function () {};

  function freeze(value) {
    if (value !== null && typeof value === "object") {
      Object.values(value).forEach(freeze);
      Object.freeze(value);
    }
    return value;
  }

  // CommonJS modules are members of the design document, named by their path.
  function requireFrom(folder) {
    return function (name) {
      var parts = name.charAt(0) === "." ? folder.slice() : [];
      name.split("/").forEach(function (part) {
        if (part === "..") {
          parts.pop();
        } else if (part !== "." && part !== "") {
          parts.push(part);
        }
      });
      var path = parts.join("/");
      if (Object.hasOwn(modules, path)) {
        return modules[path].exports;
      }
      var source = parts.reduce(function (at, part) {
        return at !== null && typeof at === "object" ? at[part] : undefined;
      }, library);
      if (typeof source !== "string") {
        throw new Error("invalid_require_path: " + name);
      }
      var module = { id: path, exports: {} };
      modules[path] = module;
      Function("module", "exports", "require", source)(
        module, module.exports, requireFrom(parts.slice(0, -1)));
      return module.exports;
    };
  }

  function compile(source) {
    var made = Function("require", "return (" + source + "\n);")(requireFrom([]));
    if (typeof made !== "function") {
      throw new TypeError("Expression does not eval to a function.");
    }
    return made;
  }

  return {
    library: function (text) {
      library = JSON.parse(text);
      modules = {};
    },
    define: function (name, source) {
      functions[name] = compile(source);
    },
    // The rows of each of the functions m0, m1, ... for one document. A failed function has no rows.
    map: function (count, text) {
      var document = freeze(JSON.parse(text));
      var all = [];
      for (var index = 0; index < count; index += 1) {
        rows = [];
        try {
          functions["m" + index](document);
          all.push(JSON.parse(JSON.stringify(rows)));
        } catch (failure) {
          all.push([]);
        }
      }
      return JSON.stringify(all);
    },
    call: function (name, text) {
      var result = functions[name].apply(null, JSON.parse(text));
      return JSON.stringify(result === undefined ? null : result);
    },
    // The value that a function threw, as an object. null if it threw nothing.
    refusal: function (name, text) {
      try {
        functions[name].apply(null, JSON.parse(text).map(freeze));
      } catch (failure) {
        if (failure instanceof Error) {
          return JSON.stringify({ error: failure.name, reason: failure.message });
        }
        return JSON.stringify(failure === undefined ? null : { thrown: failure });
      }
      return "null";
    }
  };
})(globalThis);
