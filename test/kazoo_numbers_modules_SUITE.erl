%% This Source Code Form is subject to the terms of the Mozilla Public
%% License, v. 2.0. If a copy of the MPL was not distributed with this
%% file, You can obtain one at https://mozilla.org/MPL/2.0/.

%% @doc The shape of the Erlang side: which module may call which.
-module(kazoo_numbers_modules_SUITE).

-export([all/0]).
-export([modules_calling_each_other_have_no_cycle/1, modules_outside_the_kazoo_host_name_no_kazoo_module/1
        ,modules_written_by_hand_have_at_most_400_lines/1
        ]).

-define(MOST_LINES, 400).

all() ->
    [modules_calling_each_other_have_no_cycle
    ,modules_outside_the_kazoo_host_name_no_kazoo_module
    ,modules_written_by_hand_have_at_most_400_lines
    ].

%% Hosts and transports are called through variables, which is no import.
modules_calling_each_other_have_no_cycle(_Config) ->
    Beams = beams(),
    Modules = [Module || {Module, _} <- Beams],
    Graph = digraph:new([]),
    _ = [digraph:add_vertex(Graph, Module) || Module <- Modules],
    _ = [digraph:add_edge(Graph, Module, Called)
         || {Module, Beam} <- Beams,
            Called <- lists:usort([Called || {Called, _, _} <- chunk(Beam, imports)]),
            Called =/= Module,
            lists:member(Called, Modules)
        ],
    true = digraph:no_edges(Graph) > 20,
    [] = digraph_utils:cyclic_strong_components(Graph),
    true = digraph:delete(Graph),
    ok.

modules_outside_the_kazoo_host_name_no_kazoo_module(_Config) ->
    Named = [{Module, [Atom || {_, Atom} <- chunk(Beam, atoms), is_of_kazoo(atom_to_list(Atom))]} || {Module, Beam} <- beams()],
    {Host, Others} = lists:partition(fun({Module, _}) -> is_host(atom_to_list(Module)) end, Named),
    %% The test recognises the names.
    true = length(lists:append([Atoms || {_, Atoms} <- Host])) > 20,
    [] = [Other || {_, [_ | _]} = Other <- Others].

is_host("kazoo_numbers_host_kazoo") -> true;
is_host("kazoo_numbers_kazoo_" ++ _) -> true;
is_host(_) -> false.

is_of_kazoo("kazoo_numbers" ++ _) -> false;
is_of_kazoo("lager") -> true;
is_of_kazoo(Name) -> lists:any(fun(Prefix) -> lists:prefix(Prefix, Name) end, ["kz_", "kzs_", "knm_", "kapps_", "kazoo_"]).

%% The operator module is one function for each command.
modules_written_by_hand_have_at_most_400_lines(_Config) ->
    [] = [{Module, Lines}
          || {Module, _} <- beams(),
             Module =/= kazoo_numbers_maintenance,
             Lines <- [lines(Module)],
             Lines > ?MOST_LINES
         ].

lines(Module) ->
    {ok, Source} = file:read_file(proplists:get_value(source, Module:module_info(compile))),
    length(binary:matches(Source, <<"\n">>)).

beams() ->
    [{list_to_atom(filename:basename(Beam, ".beam")), Beam} || Beam <- filelib:wildcard(filename:join(test_node:ebin(), "*.beam"))].

chunk(Beam, Chunk) ->
    {ok, {_, [{Chunk, Value}]}} = beam_lib:chunks(Beam, [Chunk]),
    Value.
