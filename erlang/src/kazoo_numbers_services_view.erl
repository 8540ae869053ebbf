%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The JavaScript of the view that counts the numbers of an account for its
%% services, for a Kazoo without its stock module (see {@link kazoo_numbers_stock}).
%%
%% It runs in the oldest JavaScript engine of CouchDB.
%% @end
-module(kazoo_numbers_services_view).

-export([map/1, reduce/0, classifiers/2, is_up_to_date/2]).

-export_type([classifier/0]).

-type classifier() :: {Class :: binary(), Regex :: binary()}.

%% @doc The map function: for each live number document its class with its carrier, and
%% its features.
%% @end
-spec map([classifier()]) -> binary().
map(Classifiers) ->
    iolist_to_binary(
      ["function (doc) {\n"
       "  if (doc.pvt_type != 'number' || doc.pvt_deleted) return;\n"
       "  var carrier = {}, classifications = {}, features = {};\n"
       "  carrier[doc.pvt_module_name] = 1;\n"
       "  for (var feature in (doc.pvt_features || {})) features[feature] = 1;\n"
      ,classifiers(Classifiers, fun(Class) -> [" classifications[", own_string(Class), "] = carrier;\n"] end)
      ,"  emit(doc._id, {classifications: classifications, features: features});\n"
       "}"
      ]).

%% @doc The reduce function, which adds up what the map function emits.
-spec reduce() -> binary().
reduce() ->
    <<"function (keys, values, rereduce) {\n"
      "  var total = {classifications: {}, features: {}};\n"
      "  function add(counts, more) {\n"
      "    for (var name in more) counts[name] = (counts[name] || 0) + more[name];\n"
      "    return counts;\n"
      "  }\n"
      "  for (var i = 0; i < values.length; i++) {\n"
      "    add(total.features, values[i].features);\n"
      "    for (var name in values[i].classifications) {\n"
      "      total.classifications[name] = add(total.classifications[name] || {}, values[i].classifications[name]);\n"
      "    }\n"
      "  }\n"
      "  return total;\n"
      "}">>.

%% @doc Statements that run what `Match' returns for the class of the first classifier
%% that matches `doc._id', and do nothing where none matches.
%%
%% At each boot Kazoo compares the view that has these statements with the installed
%% one, spaces included.
%% @end
-spec classifiers([classifier()], Match :: fun((Class :: binary()) -> iodata())) -> iolist().
classifiers(Classifiers, Match) ->
    ["  var e164 = doc._id;  if (false) return;"
    ,[["  else if (e164.match(", string(Regex), "))", Match(Class)] || {Class, Regex} <- Classifiers]
    ].

%% @doc Whether a map function of another author tests all classifiers. Such a view
%% stays.
%% @end
-spec is_up_to_date([classifier()], Map :: term()) -> boolean().
is_up_to_date(Classifiers, Map) when is_binary(Map) ->
    lists:all(fun({Class, Regex}) ->
                      has(Map, iolist_to_binary(["match(", string(Regex), ")"]))
                          andalso (has(Map, iolist_to_binary(["['", Class, "']"])) orelse has(Map, iolist_to_binary(["[", own_string(Class), "]"])))
              end
             ,Classifiers
             );
is_up_to_date(_Classifiers, _NoMap) -> false.

has(Text, Part) -> binary:match(Text, Part) =/= nomatch.

%% A regular expression as a JavaScript string: as Erlang prints it, if that is one line.
string(Text) ->
    case lists:flatten(io_lib:format("~p", [Text])) of
        "<<\"" ++ _ = Printed ->
            String = lists:sublist(Printed, 3, length(Printed) - 4),
            case lists:member($\n, String) of
                false -> String;
                true -> own_string(Text)
            end;
        _Bytes -> own_string(Text)
    end.

%% A JavaScript string of any text, in ASCII.
own_string(Text) ->
    [$", [character(Character) || Character <- unicode:characters_to_list(Text)], $"].

character($") -> "\\\"";
character($\\) -> "\\\\";
character(Character) when Character >= 32, Character < 127, Character =/= $<, Character =/= $' -> Character;
character(Character) when Character < 16#10000 -> io_lib:format("\\u~4.16.0b", [Character]);
character(Character) ->
    Rest = Character - 16#10000,
    [character(16#D800 + (Rest bsr 10)), character(16#DC00 + (Rest band 16#3FF))].
